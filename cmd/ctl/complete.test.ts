import {execFile} from 'node:child_process';
import {chmodSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {type CannedController, startCannedController} from '../../test/lib/canned-controller.ts';
import {candidates, filesMark} from './complete.ts';
import {verbTable} from './verb-table.ts';

let controller: CannedController;
let folder: string;
beforeAll(async () => {
  controller = await startCannedController();
  folder = mkdtempSync(join(tmpdir(), 'fustorctl-'));
});
afterAll(async () => {
  rmSync(folder, {recursive: true});
  await controller.stop();
});

test.each([
  [['st'], ['status', 'stat']],
  [
    ['agent', 'r'],
    ['restart', 'reload'],
  ],
  [['get', 'age'], ['agents']],
  [
    ['get', 'agents', 'node-'],
    ['node-a', 'node-b'],
  ],
  [
    ['describe', 'agent/'],
    ['agent/node-a', 'agent/node-b'],
  ],
  [
    ['agent', 'kill', 'node-a', ''],
    ['alpha', 'beta'],
  ],
  [['agent', 'kill', '--timeout', '1s', 'node-a', 'b'], ['beta']],
  [['tree', '-o', 'j'], ['json']],
  [['tree', '--output', '=', 'y'], ['yaml']],
  [['tree', '--output=n'], ['--output=name']],
  [['tree', '--rec'], ['--recursive']],
  [['apply', '-f', ''], [filesMark]],
  [
    ['rollback', ''],
    ['3', '2', '1'],
  ],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['get', 'agents', 'node-a', ''], []],
  [['no-such-verb', ''], []],
  [['constructor', ''], []],
])('%j can become %j', async (words, found) => {
  expect(await complete(words)).toEqual(found);
});

test('every verb is there, with all its flags', async () => {
  expect(await complete([''])).toEqual([...Object.keys(verbTable), '--help', '--version']);
  for (const [noun, entry] of Object.entries(verbTable)) {
    const verbs = 'verbs' in entry ? Object.keys(entry.verbs).map(verb => [noun, verb]) : [[noun]];
    for (const words of verbs) expect(await complete([...words, '--out'])).toEqual(['--output']);
  }
});

test('a server that is not there, or does not answer, costs a moment and nothing else', async () => {
  expect(await candidates(['get', 'agents', ''], {FUSTOR_ENDPOINT: 'http://127.0.0.1:1'})).toEqual([]);
  expect(await candidates(['get', 'agents', '--endpoint', 'nonsense', ''], {})).toEqual([]);
});

test('bash completes by the script', async () => {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const program = join(folder, 'fustorctl');
  writeFileSync(
    program,
    `#!/bin/sh\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${main}" "$@"\n`,
  );
  chmodSync(program, 0o700);
  writeFileSync(join(folder, 'site.yaml'), '');
  const script = `
    eval "$(fustorctl completion bash)"
    ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _fustorctl; echo "\${COMPREPLY[*]}"; }
    ask fustorctl agent restart node-a be
    ask fustorctl diff -f si
    ask fustorctl get agents --output = js`;
  const options = {cwd: folder, env: {...settings(), PATH: `${folder}:${process.env.PATH}`}};
  const {stdout} = await promisify(execFile)('bash', ['-c', script], options);
  expect(stdout).toBe('beta\nsite.yaml\njson\n');
});

function settings() {
  return {FUSTOR_ENDPOINT: controller.url, FUSTOR_KEY: 'key-of-operators'};
}

function complete(words: string[]): Promise<string[]> {
  return candidates(words, settings());
}
