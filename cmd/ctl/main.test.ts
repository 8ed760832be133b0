import {execFile} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {type CannedFusion, startCannedFusion} from '../../test/lib/canned-fusion.ts';

let fusion: CannedFusion;
beforeAll(async () => {
  fusion = await startCannedFusion();
});
afterAll(() => fusion.stop());

test('a path that is not UTF-8 arrives as the bytes that the shell gave', async () => {
  const {exit, stdout} = await fustorctl(`tree -0 "$(printf '/a\\377')"`);
  expect(fusion.asked[0]).toContain(`path_b64=${Buffer.from('2f61ff', 'hex').toString('base64url')}&`);
  expect({exit, stdout: stdout.toString('latin1')}).toEqual({exit: 0, stdout: '/a\xff\0/a\xff/x\0'});
});

test.each([
  ['stat /', 4],
  ['tree / --endpoint http://127.0.0.1:1', 3],
  ['tree --no-such-flag', 2],
  ['constructor', 2],
  ['', 2],
])('"fustorctl %s" ends with %i', async (words, code) => {
  const {exit, stderr} = await fustorctl(words, {FUSTOR_KEY: 'wrong-key'});
  expect({exit, said: /^fustorctl: .+\n/.test(stderr.toString())}).toEqual({exit: code, said: true});
});

test('a verb that does not exist is told as JSON where that is wanted', async () => {
  const {exit, stdout} = await fustorctl('frobnicate -o json');
  expect(JSON.parse(stdout.toString()).error).toMatchObject({code: 'USAGE'});
  expect(exit).toBe(2);
});

test('help lists every verb under a heading, and the exit codes', async () => {
  const {exit, stdout} = await fustorctl('--help');
  expect(stdout.toString()).toMatch(/^Ask the views:\n {2}tree +list a directory/m);
  expect(stdout.toString()).toMatch(/^ {2}6 {2}no answer/m);
  expect(exit).toBe(0);
});

type Ended = {exit: number; stdout: Buffer; stderr: Buffer};

/** Through a shell, which passes bytes as they are. */
function fustorctl(words: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const settings = {FUSTOR_ENDPOINT: fusion.url, FUSTOR_KEY: 'key-of-scripts', FUSTOR_VIEW: 'research', ...env};
  const command = ['-c', `exec "$0" "$1" ${words}`, process.execPath, main];
  return new Promise(resolve => {
    execFile('/bin/sh', command, {env: settings, encoding: 'buffer'}, (error, stdout, stderr) =>
      resolve({exit: typeof error?.code === 'number' ? error.code : 0, stdout, stderr}),
    );
  });
}
