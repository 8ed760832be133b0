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

test.each([
  ['tre /', 'Unknown command "fustorctl tre".', 'Did you mean "fustorctl tree"? Run "fustorctl --help".'],
  [
    'agent kil node-a',
    'Unknown command "fustorctl agent kil".',
    'Did you mean "fustorctl agent kill"? Run "fustorctl agent --help".',
  ],
  ['agent zzz', 'Unknown command "fustorctl agent zzz".', 'Run "fustorctl agent --help".'],
  ['frobnicate', 'Unknown command "fustorctl frobnicate".', 'Run "fustorctl --help".'],
  ['__look2', 'Unknown command "fustorctl __look2".', 'Run "fustorctl --help".'],
  ['-o json tree', 'Unknown option "-o".', 'Options of a command stand behind it. Run "fustorctl --help".'],
])('"fustorctl %s" is told what was meant', async (words, message, hint) => {
  const {exit, stdout, stderr} = await fustorctl(words);
  const body = {error: {code: 'USAGE', message, hint}};
  if (words.includes('json')) expect(JSON.parse(stdout.toString())).toEqual(body);
  else expect(stderr.toString()).toBe(`fustorctl: ${message}\n${hint}\n`);
  expect(exit).toBe(2);
});

test('"help" and "help COMMAND" are what --help is', async () => {
  for (const command of ['', 'tree', 'agent kill']) {
    const [help, flag] = await Promise.all([fustorctl(`help ${command}`), fustorctl(`${command} --help`)]);
    expect(help).toEqual(flag);
    expect(help.exit).toBe(0);
  }
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
