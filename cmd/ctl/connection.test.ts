// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {configContexts, configUse} from './commands/config.ts';
import {type ConnectionFlags, chooseTarget, type Target} from './connection.ts';
import {runVerb, type Verb} from './verb.ts';

const contexts = `
current: site
contexts:
  site: {endpoint: "http://site:1", key: "\${env:SITE_KEY}", view: research}
  lab: {endpoint: "https://lab/fustor/", key: "\${file:lab.key}"}
  open: {endpoint: "http://open:2"}
  two: {endpoint: "http://fusion:3", controller: "https://controller:4", key: key-of-two, ca: site.pem}
`;

let home: string;
let file: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'fustorctl-'));
  mkdirSync(join(home, '.config', 'fustor'), {recursive: true});
  file = join(home, '.config', 'fustor', 'contexts.yaml');
  writeFileSync(file, contexts, {mode: 0o600});
  writeFileSync(join(home, '.config', 'fustor', 'lab.key'), 'key-of-lab\n');
});
afterEach(() => rmSync(home, {recursive: true}));

describe('where to ask and as whom', () => {
  test('without anything it is the fusion on this host', () => {
    const here = {endpoint: 'http://127.0.0.1:8102', key: undefined, timeoutMs: 5000};
    expect(chooseTarget({timeout: '5s'}, {})).toEqual({...here, view: undefined, controller: here});
  });

  test('the current context is used', () => {
    expect(choose({}, {SITE_KEY: 'key-of-site'})).toMatchObject({
      endpoint: 'http://site:1',
      key: 'key-of-site',
      view: 'research',
    });
  });

  test('the environment goes before the context, and flags before both', () => {
    const env = {SITE_KEY: 'key-of-site', FUSTOR_KEY: 'key-of-env', FUSTOR_VIEW: 'v'};
    expect(choose({}, env)).toMatchObject({endpoint: 'http://site:1', key: 'key-of-env', view: 'v'});
    expect(choose({view: 'w', key: 'key-of-flag'}, env)).toMatchObject({key: 'key-of-flag', view: 'w'});
  });

  test('a context that is named goes before the environment', () => {
    const env = {FUSTOR_ENDPOINT: 'http://other:3', FUSTOR_KEY: 'key-of-env'};
    expect(choose({context: 'lab'}, env)).toMatchObject({endpoint: 'https://lab/fustor', key: 'key-of-lab'});
  });

  test('the key of a context is not sent to another endpoint', () => {
    const env = {SITE_KEY: 'key-of-site'};
    expect(choose({endpoint: 'http://other:3'}, env).key).toBeUndefined();
    expect(choose({}, {...env, FUSTOR_ENDPOINT: 'http://other:3'}).key).toBeUndefined();
  });

  test('an endpoint beside a named context is refused', () => {
    expect(() => choose({context: 'lab', endpoint: 'http://other:3'}, {})).toThrow(/either --context or --endpoint/);
  });

  test.each([
    [{endpoint: 'localhost:8102'}, /The endpoint "localhost:8102" is not an http/],
    [{endpoint: 'http://me:secret@host'}, /^(?!.*secret)/],
    [{key: 'geheim mit'}, /^The key is not a key of(?!.*geheim)/],
    [{view: '../x'}, /The view "..\/x" is not a name/],
    [{timeout: '5'}, /--timeout "5" is not a duration/],
  ])('%j is refused', (flags, message) => {
    expect(() => choose({endpoint: 'http://h:1', ...flags}, {})).toThrow(message);
  });
});

describe('where the controller is', () => {
  const controllerOf = (flags: Partial<ConnectionFlags>, env: NodeJS.ProcessEnv = {}) => choose(flags, env).controller;

  test('where nothing else is said it is the endpoint', () => {
    expect(controllerOf({context: 'open'}).endpoint).toBe('http://open:2');
    expect(controllerOf({endpoint: 'http://other:3'}, {FUSTOR_CONTROLLER: 'http://mine:4'}).endpoint).toBe(
      'http://other:3',
    );
  });

  test('a context can name it, with authorities to trust', () => {
    writeFileSync(join(home, '.config', 'fustor', 'site.pem'), 'a certificate');
    expect(choose({context: 'two'}, {})).toMatchObject({
      endpoint: 'http://fusion:3',
      ca: 'a certificate',
      controller: {endpoint: 'https://controller:4', key: 'key-of-two', ca: 'a certificate'},
    });
  });

  test('the environment can, and a flag before it; neither is sent the key of a context', () => {
    const env = {FUSTOR_CONTROLLER: 'http://mine:4', SITE_KEY: 'key-of-site'};
    expect(choose({}, env)).toMatchObject({
      endpoint: 'http://site:1',
      key: 'key-of-site',
      controller: {endpoint: 'http://mine:4', key: undefined},
    });
    expect(controllerOf({controller: 'http://flag:5'}, {...env, FUSTOR_KEY: 'key-of-env'})).toMatchObject({
      endpoint: 'http://flag:5',
      key: 'key-of-env',
    });
  });

  test('one beside a named context is refused', () => {
    expect(() => choose({context: 'lab', controller: 'http://other:3'}, {})).toThrow(/either --context or/);
  });
});

describe('the contexts file', () => {
  test('is looked for in XDG_CONFIG_HOME first', () => {
    const found = chooseTarget(
      {timeout: '1s'},
      {HOME: '/none', XDG_CONFIG_HOME: join(home, '.config'), SITE_KEY: '12345678'},
    );
    expect(found.endpoint).toBe('http://site:1');
  });

  test('needs only the secrets of the context in use', () => {
    expect(choose({context: 'open'}, {}).endpoint).toBe('http://open:2');
    expect(() => choose({}, {})).toThrow(/contexts.site.key: the environment variable SITE_KEY is not set/);
  });

  test('names the contexts that there are', () => {
    expect(() => choose({context: 'lap'}, {})).toThrow(/no context "lap" in .*; there: site, lab, open, two/);
    rmSync(file);
    expect(() => choose({context: 'lap'}, {})).toThrow(/no context "lap"/);
  });

  test('tells its mistakes with their place', () => {
    writeFileSync(file, 'current: a\ncontexts:\n  a: {endpoynt: x}\n');
    expect(() => choose({}, {})).toThrow(/contexts.yaml:3:7 {2}contexts.a.endpoynt: unknown setting; wanted endpoint/);
  });

  test('is refused when it holds a key and is open to others', () => {
    writeFileSync(file, contexts.replace('${env:SITE_KEY}', 'a-plain-key'));
    chmodSync(file, 0o640);
    expect(() => choose({}, {})).toThrow(/contains keys and is open to others \(mode 640\)/);
    chmodSync(file, 0o600);
    expect(choose({}, {}).key).toBe('a-plain-key');
  });
});

test('the verbs list contexts without their keys, and change which one is current', async () => {
  const table = await run(configContexts, []);
  expect(table).toMatch(/^\* +site +http:\/\/site:1 +- +research +yes$/m);
  expect(table).toMatch(/^ +two +http:\/\/fusion:3 +https:\/\/controller:4 +- +yes$/m);
  expect(await run(configContexts, ['-o', 'json'])).not.toContain('key-of-two');
  writeFileSync(file, `# mine\n${contexts}`);
  expect(await run(configUse, ['lab'])).toBe('lab is the current context.\n');
  expect(readFileSync(file, 'utf8')).toMatch(/^# mine\n\s*current: lab\n/);
  expect(choose({}, {}).endpoint).toBe('https://lab/fustor');
  expect(await run(configUse, ['lap'])).toBe('');
});

test('a verb that asks no server does not mind a context that cannot be used', async () => {
  expect(await run(configContexts, [], {})).toContain('site');
});

async function run(
  verb: Verb<object>,
  args: string[],
  env: NodeJS.ProcessEnv = {SITE_KEY: 'key-of-site'},
): Promise<string> {
  let out = '';
  await runVerb(verb, args, {
    env: {HOME: home, ...env},
    isTerminal: false,
    write: async text => {
      out += text;
    },
    notice: () => {},
  });
  return out;
}

function choose(flags: Partial<ConnectionFlags>, env: NodeJS.ProcessEnv): Target {
  return chooseTarget({timeout: '30s', ...flags}, {HOME: home, ...env});
}
