import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {type CannedController, startCannedController} from '../../test/lib/canned-controller.ts';
import {type LineSettings, runLine} from '../../test/lib/run-line.ts';

let controller: CannedController;
beforeAll(async () => {
  controller = await startCannedController();
});
afterAll(() => controller.stop());
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fustorctl-'));
});
afterEach(() => rmSync(folder, {recursive: true}));

describe('revisions', () => {
  test('history tells who, when and why, and what one changed', async () => {
    expect((await run('history')).out.split('\n').slice(0, 2)).toEqual([
      'REVISION  AT                        AUTHOR  ORIGIN  MESSAGE',
      '3         2026-01-01T00:00:00.000Z  ops     api     change 3',
    ]);
    expect((await run('history --diff 3 --from 1')).out).toContain('+views: {research: {}}');
    expect(controller.asked).toEqual(['GET /revisions/3/diff?from=1']);
    expect((await run('history -o name')).out).toBe('revision/3\nrevision/2\nrevision/1\n');
  });

  test('rollback pins the one before, or the one that is named; release ends it', async () => {
    expect(await run('rollback')).toMatchObject({
      out: expect.stringContaining('Revision 4'),
      err: expect.stringContaining('pinned'),
    });
    expect(controller.sent).toEqual([{revision: 2}]);
    await run('rollback revision/1 -m why');
    expect(controller.sent).toEqual([{revision: 1, message: 'why'}]);
    expect((await run('release')).out).toBe('Nothing is pinned: revision 4 is in force.\n');
    expect((await run('rollback none')).exit).toBe(2);
  });

  test('sync shows what was found in Git', async () => {
    expect((await run('sync --accept-rewrite')).out).toMatch(/^revision +4$/m);
    expect(controller.sent).toEqual([{accept_rewrite: true}]);
  });
});

describe('who may do what', () => {
  test('a secret stands alone on stdout', async () => {
    const key = await run('key create scripts --role reader --views research,archive --ttl 30d');
    expect(key).toMatchObject({exit: 0, out: 'fustor_key_x\n', err: expect.stringContaining('not shown again')});
    expect(controller.sent).toEqual([
      {name: 'scripts', role: 'reader', views: ['research', 'archive'], expires_in: '30d'},
    ]);
    const token = await run('enroll-token create --role agent --ttl 1h --uses 20');
    expect(token.out).toBe('fustor_enroll_x\n');
    expect(controller.sent).toEqual([{role: 'agent', ttl: '1h', uses: 20}]);
    expect(JSON.parse((await run('key create scripts -o json')).out)).toEqual({
      data: {name: 'scripts', key: 'fustor_key_x'},
    });
  });

  test('a credential comes from stdin or a file, without the line break at its end', async () => {
    expect((await run('credential set nfs-key', {readInput: () => 'secret\n'})).out).toBe('nfs-key is stored.\n');
    expect(controller.sent).toEqual([{name: 'nfs-key', value: 'secret'}]);
    write('value', 'secret\n');
    await run(`credential set nfs-key --raw --file ${join(folder, 'value')}`);
    expect(controller.sent).toEqual([{name: 'nfs-key', value: 'secret\n'}]);
    expect((await run('credential set nfs-key', {readInput: () => '\n'})).exit).toBe(2);
    expect((await run('credential set nfs-key secret')).exit).toBe(2);
  });

  test.each([
    ['key revoke scripts', 'DELETE /keys/scripts'],
    ['enroll-token revoke t1', 'DELETE /enroll-tokens/t1'],
    ['credential delete nfs-key', 'DELETE /credentials/nfs-key'],
    ['identity revoke agent/node-a', 'DELETE /identities/agent/node-a'],
  ])('"%s" takes it away', async (words, asked) => {
    expect((await run(words)).exit).toBe(0);
    expect(controller.asked).toEqual([asked]);
  });

  test.each(['key list', 'enroll-token list', 'credential list', 'identity list', 'agent list', 'fusion list'])(
    '"%s" is a table',
    async words => {
      expect((await run(words)).out.split('\n').length).toBeGreaterThan(2);
    },
  );
});

describe('nodes', () => {
  test('logs are text, and 1 when they cannot be had', async () => {
    expect(await run('agent logs node-a alpha -n 2')).toEqual({exit: 0, out: 'one\ntwo\x1b[0m\n', err: ''});
    expect(controller.sent).toMatchObject([{command: 'logs', pipe: 'alpha', arguments: {lines: 2}}]);
    expect((await run('agent logs node-a', {isTerminal: true})).out).toBe('one\ntwo\\033[0m\n');
    expect(await run('fusion logs main engine-gone')).toMatchObject({
      exit: 1,
      err: expect.stringContaining('There is no such part'),
    });
  });

  test('a fusion is steered by its parts', async () => {
    expect((await run('fusion restart main engine-research')).out).toMatch(/^engine-research +restart +done/m);
    expect(controller.sent).toMatchObject([{command: 'restart', part: 'engine-research'}]);
    expect((await run('fusion reload main')).exit).toBe(0);
    expect(controller.sent).toMatchObject([{command: 'reload'}]);
    expect((await run('fusion kill main')).exit).toBe(2);
  });

  test('show is the same page as that of an agent', async () => {
    expect((await run('fusion show main')).out).toMatch(/^engine-research +running/m);
  });
});

function run(line: string, {env = {}, ...rest}: LineSettings = {}) {
  controller.asked.length = 0;
  controller.sent.length = 0;
  return runLine(line, {env: {FUSTOR_ENDPOINT: controller.url, FUSTOR_KEY: 'key-of-operators', ...env}, ...rest});
}

function write(path: string, text: string): void {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), {recursive: true});
  writeFileSync(file, text);
}
