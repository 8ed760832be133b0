// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {configSchema} from '../core/config/schema.ts';
import {allSettings} from '../core/config/settings.ts';
import {loadConfig} from './load-config.ts';

const example = new URL('../fustor.example.yaml', import.meta.url).pathname;
const env = {
  AGENT_KEY: 'agent-key-1',
  READER_KEY: 'reader-key-1',
  OPERATOR_KEY: 'operator-key-1',
  WEBHOOK_SECRET: 'webhook-secret-1',
};

describe('the example file', () => {
  test('is a valid configuration', async () => {
    const config = await loadConfig(example, env);
    expect(config).toMatchObject({fusion: {gateways: 2}, agent: {id: 'node-a'}, pipes: [{name: 'research'}]});
  });

  test('shows every setting of the schema, with an explanation and its default above it', () => {
    const shown = settingsWithComments(readFileSync(example, 'utf8'));
    expect([...shown.keys()]).toEqual(expect.arrayContaining(allSettings(configSchema)));
    for (const setting of allSettings(configSchema))
      expect(shown.get(setting), setting).toMatch(/Default: |Required\.$/);
  });
});

describe('loading a file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fustor-config-'));
    mkdirSync(join(folder, 'folder.yaml'));
    writeFileSync(join(folder, 'key'), 'a-secret-key\n');
    writeFileSync(join(folder, 'large.yaml'), Buffer.alloc(5 * 2 ** 20, '#'));
    writeFileSync(join(folder, 'latin1.yaml'), Buffer.from('fusion: {data: caf\xe9}', 'latin1'));
    writeFileSync(join(folder, 'gone-secret.yaml'), 'fusion: {data: "${file:gone}"}');
    writeFileSync(
      join(folder, 'good.yaml'),
      `
fusion: {data: ./fusion}
controller: {data: ./controller, git: {url: /srv/site.git, allowed_signers: signers}}
agent: {id: a, data: ../agent}
sources: {s: {path: tree}, t: {path: /abs}}
senders: {f: {url: http://h:1/, key: "\${file:key}"}}
`,
    );
  });
  afterAll(() => rmSync(folder, {recursive: true}));

  test('takes relative paths from the folder of the file', async () => {
    const config = await loadConfig(join(folder, 'good.yaml'), {});
    expect(config.fusion?.data).toBe(join(folder, 'fusion'));
    expect(config.controller?.data).toBe(join(folder, 'controller'));
    expect(config.controller?.git?.allowedSigners).toBe(join(folder, 'signers'));
    expect(config.agent?.data).toBe(join(folder, '../agent'));
    expect(config.sources.map(source => source.path)).toEqual([join(folder, 'tree'), '/abs']);
    expect(config.senders[0]).toMatchObject({url: 'http://h:1', key: 'a-secret-key'});
  });

  test.each([
    ['missing.yaml', 'it does not exist'],
    ['folder.yaml', 'it is a directory'],
    ['large.yaml', 'it is larger than 4 MiB'],
    ['latin1.yaml', 'it is not a text in UTF-8'],
  ])('%s is refused: %s', async (name, reason) => {
    const file = join(folder, name);
    await expect(loadConfig(file, {})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `Cannot read the configuration ${file}: ${reason}.`,
    });
  });

  test('a secret file that is missing is named with its full path', async () => {
    const message = `the secret cannot be read: ${join(folder, 'gone')}: it does not exist`;
    await expect(loadConfig(join(folder, 'gone-secret.yaml'), {})).rejects.toMatchObject({
      message: expect.stringContaining(message),
    });
  });
});

/** `views.*.driver` → the comment above it. Names that the administrator chooses stand one level below a section. */
function settingsWithComments(text: string): Map<string, string> {
  const freeNames = new Set(['views', 'sources', 'senders', 'pipes']);
  const settings = new Map<string, string>();
  let groups: {indent: number; name: string}[] = [];
  let comment: string[] = [];
  for (const line of text.split('\n')) {
    const remark = /^\s*# ?(.*)/.exec(line);
    if (remark) comment.push(remark[1]);
    const [, indent, name] = /^([ -]*)([a-z_]+):/.exec(line) ?? [];
    if (name === undefined) continue;
    groups = groups.filter(group => group.indent < indent.length);
    const isFree = groups.length === 1 && freeNames.has(groups[0].name);
    groups.push({indent: indent.length, name: isFree ? '*' : name});
    const path = groups.map(group => group.name).join('.');
    if (!settings.has(path)) settings.set(path, comment.join(' '));
    comment = [];
  }
  return settings;
}
