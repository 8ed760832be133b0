// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi} from 'vitest';
import {type CannedController, startCannedController} from '../../test/lib/canned-controller.ts';
import {startCannedFusion} from '../../test/lib/canned-fusion.ts';
import {type LineSettings, runLine} from '../../test/lib/run-line.ts';

let controller: CannedController;
beforeAll(async () => {
  controller = await startCannedController();
});
afterAll(() => controller.stop());
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fustorctl-'));
  vi.stubEnv('TMPDIR', folder); // for files that are kept
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, {recursive: true});
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
    await run('apply -f one.yaml');
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

  test('what is no controller has not said that nothing is in force', async () => {
    const fusion = await startCannedFusion();
    write('one.yaml', good);
    const to = {env: {FUSTOR_ENDPOINT: fusion.url, FUSTOR_KEY: 'key-of-scripts'}};
    const {exit, err} = await run('diff -f one.yaml', to);
    await fusion.stop();
    expect({exit, err}).toEqual({exit: 2, err: expect.stringContaining('embeds no controller')});
  });

  test('a dry run shows the difference and the nodes', async () => {
    write('one.yaml', good);
    const {out} = await run('apply -f one.yaml --dry-run');
    expect(out).toContain('+views: {research: {}}\n');
    expect(out).toMatch(/Nothing was stored\.\nChanged for agent\/node-a\.\n$/);
    expect(controller.sent[0]).toMatchObject({dry_run: true});
  });

  test('diff is 1 when they differ and 0 when they are the same, and sends nothing', async () => {
    write('one.yaml', good);
    const differs = await run('diff -f one.yaml');
    expect(differs).toMatchObject({
      exit: 1,
      out: `--- /dev/null\n+++ b/one.yaml\n@@ -0,0 +1,2 @@\n+sources:\n+  alpha: {path: /data}\n`,
    });
    const coloured = await run('diff -f one.yaml', {isTerminal: true});
    expect(coloured.out).toContain('\x1b[32m+sources:\x1b[0m\n');
    expect(JSON.parse((await run('diff -f one.yaml -o json')).out)).toMatchObject({
      data: {revision: 3, files: ['one.yaml']},
    });
    write('site.yaml', 'fusions:\n  main: {url: "http://fusion:8102"}\nviews:\n  research: {}\n');
    expect(await run('diff -f site.yaml')).toMatchObject({exit: 0, out: ''});
    expect(controller.sent).toEqual([]);
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
  });

  test('nor is what was written before the editor failed; of what was not touched nothing is left', async () => {
    const {exit, err} = await run('edit site.yaml', {env: {EDITOR: 'false'}});
    expect({exit, kept: readdirSync(folder)}).toEqual({exit: 2, kept: []});
    expect(err).not.toContain('kept in');
    const editor = join(folder, 'editor.sh');
    writeFileSync(editor, 'echo "# more" >>"$1"; exit 3\n');
    const failed = await run('edit site.yaml', {env: {EDITOR: `sh ${editor}`}});
    expect({exit: failed.exit, sent: controller.sent}).toEqual({exit: 2, sent: []});
    const [, kept] = /kept in (\S+)/.exec(failed.err)!;
    expect(readFileSync(kept!, 'utf8')).toMatch(/# more\n$/);
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

/** What stands behind `-f` is a file of the folder. */
function run(line: string, {env = {}, ...rest}: LineSettings = {}) {
  controller.asked.length = 0;
  controller.sent.length = 0;
  const placed = line.replace(/ -f (?!-)(\S+)/, (_, path) => ` -f ${join(folder, path)}`);
  return runLine(placed, {env: {FUSTOR_ENDPOINT: controller.url, FUSTOR_KEY: 'key-of-operators', ...env}, ...rest});
}

function write(path: string, text: string): void {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), {recursive: true});
  writeFileSync(file, text);
}
