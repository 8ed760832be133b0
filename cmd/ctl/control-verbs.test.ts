// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {type CannedController, startCannedController} from '../../test/lib/canned-controller.ts';
import type {Io} from './io.ts';
import {kindNames} from './kinds.ts';
import {runVerb} from './verb.ts';
import {findVerb} from './verb-table.ts';

let controller: CannedController;
let folder: string;
beforeAll(async () => {
  controller = await startCannedController();
});
afterAll(() => controller.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fustorctl-'));
});
afterEach(() => rmSync(folder, {recursive: true}));

describe('get', () => {
  test.each(kindNames)('lists %s in every form', async kind => {
    for (const form of ['table', 'wide', 'json', 'yaml', 'name']) {
      const {exit, out} = await run(`get ${kind} -o ${form}`);
      expect({kind, form, exit}).toEqual({kind, form, exit: 0});
      expect(out.endsWith('\n') || out === '').toBe(true);
    }
  });

  test('shows what an operator looks for first, and more with -o wide', async () => {
    const {out} = await run('get pipes');
    expect(out.split('\n')).toEqual([
      'AGENT   PIPE   VIEW      STATE        SINCE                     ROLE    APPLY        LAG',
      'node-a  alpha  research  running      2026-01-01T00:00:00.000Z  leader  applied      250ms',
      'node-a  beta   archive   quarantined  2026-01-01T00:00:00.000Z  -       rolled_back  -',
      '',
    ]);
    expect((await run('get pipes -o wide')).out).toMatch(/LAST FAILURE\n.*\n.*pipes\.beta\.source: no such source$/m);
    expect(controller.asked).toEqual(['GET /pipes']);
  });

  test('names are what "describe" and "get" take', async () => {
    expect((await run('get pipes -o name')).out).toBe('pipe/node-a/alpha\npipe/node-a/beta\n');
    expect((await run('get pipe/node-a/beta -o name')).out).toBe('pipe/node-a/beta\n');
    expect((await run('get identities -o name')).out).toBe('identity/agent/node-a\n');
    expect((await run('get key ops -o json')).out).toContain('"name": "ops"');
  });

  test('what is empty is an empty document, and a notice for people', async () => {
    expect((await run('get users -o json')).out).toBe('{\n  "data": []\n}\n');
    expect((await run('get users -o yaml')).out).toBe('data: []\n');
    expect(await run('get users')).toMatchObject({exit: 0, err: 'There are no users.\n'});
  });

  test.each([
    ['get pots', 2, 'There is no kind "pots"; there are agents, fusions,'],
    ['get', 2, 'kind'],
    ['get agents nobody', 1, 'There is no such thing.'],
    ['get keys nobody', 1, 'There is no key "nobody".'],
    ['get agents --key another-key', 4, 'Not with this key.'],
  ])('"%s" ends with %i', async (words, exit, message) => {
    expect(await run(words)).toMatchObject({exit, out: '', err: expect.stringContaining(message)});
    const error = JSON.parse((await run(`${words} -o json`)).out);
    expect(error.error.message).toContain(message);
  });
});

describe('describe', () => {
  test('tells desired, actual, last failure, last words and what to type next', async () => {
    const {exit, out} = await run('describe pipe node-a/beta');
    expect(out).toBe(`\
pipe/node-a/beta

Desired:
  name: beta
  source: beta
  sender: main
  view: archive

Actual:
  agent  node-a
  pipe   beta
  view   archive
  state  quarantined
  since  2026-01-01T00:00:00.000Z
  role   -
  apply  rolled_back

Last failure:
  OF             AT                        REASON
  configuration  2026-01-01T00:00:00.000Z  pipes.beta.source: no such source

Last words:
  node-a/beta died at 2026-01-01T00:00:00.000Z after 1h 2m, process 41: signal SIGSEGV. It crashed.
    last words

Next:
  Its process died too often. (since 2026-01-01T00:00:00.000Z)
    fustorctl agent restart node-a beta
`);
    expect(exit).toBe(0);
  });

  test('of an agent has its pipes, and what is wrong with them', async () => {
    const {out} = await run('describe agents node-a');
    expect(out).toMatch(/Desired:\n {2}name: node-a\n {2}pipes:\n/);
    expect(out).toMatch(/^ {2}beta +quarantined +- .* signal SIGSEGV$/m);
    expect(out).toMatch(/^ {2}payload-beta +2026\S+ +pipes\.beta\.source: no such source$/m);
    expect(out).toMatch(/Next:\n.*\n {4}fustorctl agent restart node-a beta\n$/);
    const {data} = JSON.parse((await run('describe agent/node-a -o json')).out);
    expect(data).toMatchObject({kind: 'agent', desired: {pipes: ['alpha', 'beta']}, problems: [{kind: 'quarantined'}]});
  });

  test('says what is only wanted, only heard, or neither', async () => {
    expect((await run('describe source alpha')).out).toMatch(/^source\/alpha\n\nDesired:\n[\s\S]*path: \/data/);
    expect((await run('describe fusion main')).out).toContain('Nothing in the desired state has this name.');
    expect(await run('describe agent nobody')).toMatchObject({exit: 1, err: expect.stringContaining('no such thing')});
    expect(await run('describe agent')).toMatchObject({exit: 2, err: expect.stringContaining('Which agent?')});
  });
});

describe('apply and diff', () => {
  const good = 'sources:\n  alpha: {path: /data}\n';

  test('send the files of a folder by their paths in it', async () => {
    write('site/a.yaml', good);
    write('site/agents/node-a.yml', 'agents:\n  node-a: {pipes: []}\n');
    write('site/.git/x.yaml', '{');
    write('site/README.md', 'no');
    const {exit, out} = await run('apply -f site -m why --expect-revision 3');
    expect(out).toBe('Revision 4 is in force.\nChanged for agent/node-a.\n');
    expect(exit).toBe(0);
    expect(controller.sent).toEqual([
      {
        files: {'a.yaml': good, 'agents/node-a.yml': 'agents:\n  node-a: {pipes: []}\n'},
        prune: false,
        message: 'why',
        expected_revision: 3,
      },
    ]);
  });

  test('send one file by its base name, or as another, or from stdin', async () => {
    write('one.yaml', good);
    await run(`apply -f ${join(folder, 'one.yaml')}`);
    expect(controller.sent[0]).toMatchObject({files: {'one.yaml': good}});
    await run('apply -f one.yaml --as site/two.yaml');
    expect(controller.sent[0]).toMatchObject({files: {'site/two.yaml': good}});
    await run('apply -f - --as three.yaml', {readInput: () => good});
    expect(controller.sent[0]).toMatchObject({files: {'three.yaml': good}});
  });

  test('a mistake is told with its place, and nothing is sent', async () => {
    write('bad.yaml', 'pipes:\n  p: {source: missing, sender: s, view: v}\nsources: {a: {pth: /x}}\n');
    const {exit, err} = await run('apply -f bad.yaml');
    expect(err).toMatch(/bad\.yaml:3:\d+ {2}sources\.a\.pth: unknown setting/);
    expect({exit, sent: controller.sent}).toEqual({exit: 2, sent: []});
  });

  test('what a file names may stand in one that is in force already, unless that goes', async () => {
    write('site/key.yaml', 'keys:\n  k: {role: reader, views: [research], key: "${secret:k}"}\n');
    expect((await run('apply -f site --dry-run')).exit).toBe(0);
    const {exit, err} = await run('apply -f site --prune');
    expect({exit, err}).toEqual({exit: 2, err: expect.stringContaining('no such view')});
  });

  test('a dry run shows the difference and the nodes', async () => {
    write('one.yaml', good);
    const {out} = await run('apply -f one.yaml --dry-run');
    expect(out).toContain('+views: {research: {}}\n');
    expect(out).toMatch(/Nothing was stored\.\nChanged for agent\/node-a\.\n$/);
    expect(controller.sent[0]).toMatchObject({dry_run: true});
  });

  test('diff is 1 when they differ and 0 when they are the same', async () => {
    write('one.yaml', good);
    const differs = await run('diff -f one.yaml');
    expect(differs).toMatchObject({exit: 1, out: expect.stringContaining('@@ -1,1 +1,1 @@\n-views: {}\n')});
    const coloured = await run('diff -f one.yaml', {isTerminal: true});
    expect(coloured.out).toContain('\x1b[32m+views: {research: {}}\x1b[0m');
    write('same.yaml', good);
    expect(await run('diff -f same.yaml --as same.yaml')).toMatchObject({exit: 0, out: ''});
  });

  test.each([
    ['apply -f missing', 2, 'it does not exist'],
    ['apply -f .', 2, 'There is no *.yaml'],
    ['apply -f -', 2, '--as PATH'],
    ['apply', 2, '--file'],
    ['apply -f one.yaml --prune', 2, '--prune needs a folder'],
    ['apply -f one.yaml --expect-revision 2', 5, 'Revision 4 is in force.'],
  ])('"%s" ends with %i', async (words, exit, message) => {
    if (words.includes('one.yaml')) write('one.yaml', good);
    expect(await run(words)).toMatchObject({exit, err: expect.stringContaining(message)});
  });
});

describe('edit', () => {
  test('validates what was typed, and stores it when it is right', async () => {
    const {exit, out} = await run('edit site.yaml -m why', {
      env: {EDITOR: "sed -i 's/research/laboratory/'"},
    });
    expect({exit, out}).toEqual({exit: 0, out: expect.stringContaining('Revision 4 is in force.')});
    expect(controller.sent).toMatchObject([
      {files: {'site.yaml': expect.stringContaining('laboratory')}, expected_revision: 3, message: 'why'},
    ]);
  });

  test('asks to edit again what has a mistake, which is still there', async () => {
    const questions: string[] = [];
    const editor = join(folder, 'editor.sh');
    writeFileSync(
      editor,
      'grep -q hot_fil "$1" && sed -i s/hot_fil/hot_file_threshold/ "$1" || sed -i "s/research: {}/research: {hot_fil: 1s}/" "$1"\n',
    );
    const {exit, err} = await run('edit site.yaml', {
      env: {EDITOR: `sh ${editor}`},
      ask: async question => {
        questions.push(question);
        return '';
      },
    });
    expect(err).toContain('unknown setting');
    expect({exit, questions}).toEqual({exit: 0, questions: ['Edit again? [Y/n] ']});
  });

  test('what is not mended is stored nowhere, and not lost', async () => {
    const {exit, err} = await run('edit site.yaml', {env: {EDITOR: "sed -i 's/views/vews/'"}});
    expect({exit, sent: controller.sent}).toEqual({exit: 2, sent: []});
    const [, kept] = /kept in (\S+)/.exec(err)!;
    expect(existsSync(kept!)).toBe(true);
    rmSync(kept!);
  });

  test('a lost race is a conflict that shows the difference', async () => {
    const {exit, err} = await run('edit site.yaml', {env: {EDITOR: "sed -i 's/research/lost/'"}});
    expect(err).toContain('-views: {}\n+views: {research: {}}\n');
    expect({exit, err}).toEqual({exit: 5, err: expect.stringContaining('Revision 4 is in force.')});
  });

  test.each([
    ['edit missing.yaml', {}, 1, 'It has site.yaml.'],
    ['edit site.yaml', {EDITOR: 'false'}, 2, 'The editor "false" failed'],
    ['edit site.yaml', {EDITOR: 'true'}, 0, ''],
  ])('"%s" with %j ends with %i', async (words, env, exit, message) => {
    expect(await run(words, {env})).toMatchObject({exit, err: expect.stringContaining(message)});
    expect(controller.sent).toEqual([]);
  });
});

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
    expect(controller.sent).toEqual([{name: 'scripts', role: 'reader', views: ['research', 'archive'], ttl: '30d'}]);
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

type Settings = Partial<Pick<Io, 'isTerminal' | 'readInput' | 'ask'>> & {env?: NodeJS.ProcessEnv};

/** Relative files are those of the folder. */
async function run(line: string, {env = {}, isTerminal = false, ...rest}: Settings = {}) {
  controller.asked.length = 0;
  controller.sent.length = 0;
  let [out, err] = ['', ''];
  const words = line.split(' ');
  const {entry, length} = findVerb(words)!;
  const args = words
    .slice(length)
    .map((word, at, all) =>
      /^(-f)$/.test(all[at - 1] ?? '') && word !== '-' ? join(folder, word.replace(folder, '')) : word,
    );
  const exit = await runVerb(await entry.load(), args, {
    env: {PATH: process.env.PATH, FUSTOR_ENDPOINT: controller.url, FUSTOR_KEY: 'key-of-operators', ...env},
    isTerminal,
    write: async data => {
      out += Buffer.from(data as string).toString();
    },
    notice: text => {
      err += `${text}\n`;
    },
    ...rest,
  });
  return {exit, out, err};
}

function write(path: string, text: string): void {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), {recursive: true});
  writeFileSync(file, text);
}
