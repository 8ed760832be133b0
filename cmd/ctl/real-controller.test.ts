import {mkdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {type Listening, listen} from '../../test/lib/canned-fusion.ts';
import {controllerParts} from '../../test/lib/controller-parts.ts';
import {type LineSettings, runLine} from '../../test/lib/run-line.ts';
import {goodCredentials, goodSite} from '../../test/lib/site-files.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {createControllerApp} from '../controller/app.ts';
import {hashKeys, KeyRing} from '../http/keys.ts';
import {kindNames} from './kinds.ts';

let server: Listening;
let folder: ReturnType<typeof temporaryFolder>;
let site: string;

beforeEach(async () => {
  folder = temporaryFolder();
  site = join(folder.path, 'site');
  for (const [path, text] of Object.entries(goodSite)) write(path, text);
  const parts = await controllerParts();
  const {identities, apiKeys} = parts.identity;
  const admin = hashKeys([{name: 'admin', role: 'admin', key: 'key-of-admin', views: []}]);
  server = await listen(createControllerApp({...parts, keys: new KeyRing(admin, [identities, apiKeys])}).fetch);
});
afterEach(async () => {
  await server.stop();
  folder.remove();
});

test('a site is applied, changed, compared, rolled back and released', async () => {
  for (const [name, value] of Object.entries(goodCredentials)) {
    expect(await run(`credential set ${name}`, {readInput: () => value})).toMatchObject({exit: 0});
  }
  expect(await run(`diff -f ${site}`)).toMatchObject({
    exit: 1,
    out: expect.stringContaining('+++ b/site/views.yaml\n'),
  });
  expect((await run(`apply -f ${site} --dry-run`)).out).toMatch(/Nothing was stored\.\nChanged for .*agent\/node-a/);
  expect(await run('history')).toEqual({exit: 0, out: '', err: 'There is no revision yet.\n'});
  const applied = await run(`apply -f ${site} --prune -m first`);
  expect(applied).toMatchObject({
    exit: 0,
    out: expect.stringMatching(/^Revision 1 is in force\.\nChanged for .*fusion\/east/),
  });
  expect((await run(`apply -f ${site}`)).out).toBe('Nothing has changed: revision 1 is in force.\n');
  expect(await run(`diff -f ${site}`)).toEqual({exit: 0, out: '', err: ''});

  write('site/views.yaml', goodSite['site/views.yaml']!.replace('5s', '7s'));
  expect(await run(`diff -f ${site}`)).toMatchObject({
    exit: 1,
    out: expect.stringContaining('-  research: { datastore: lab, fusion: east, session_timeout: 5s }\n+  research'),
  });
  expect((await run(`diff -f ${site} -o name`)).out).toBe('site/views.yaml\n');
  const late = await run(`apply -f ${site} --expect-revision 0`);
  expect(late).toMatchObject({
    exit: 5,
    err: expect.stringMatching(/revision 1 of admin is in force[\s\S]*What came between:\n--- /),
  });
  expect((await run(`apply -f ${site} -m second`)).out).toContain('Revision 2 is in force.\nChanged for fusion/east.');
  expect((await run('history')).out).toMatch(/^2 +\S+Z +admin +api +second\n1 +\S+Z +admin +api +first$/m);
  expect((await run('history --diff 2')).out).toContain('session_timeout: 7s');

  expect((await run('rollback')).out).toContain('Back to revision 1.\nRevision 3 is in force.');
  expect(await run('rollback')).toMatchObject({
    ...{exit: 2, out: '', err: expect.stringContaining('Revision 3 is a rollback already ("Back to revision 1")')},
  });
  expect((await run('rollback 1')).out).toContain('Nothing has changed: revision 3 is in force.');
  expect(await run('edit site/views.yaml')).toMatchObject({
    exit: 5,
    err: expect.stringContaining('is pinned, by admin'),
  });
  expect(await run(`apply -f ${site}`)).toMatchObject({exit: 5, err: expect.stringContaining('fustorctl release')});
  expect((await run('release')).exit).toBe(0);
  const edited = await run('edit site/views.yaml -m third', {env: {EDITOR: 'sed -i s/5s/9s/'}});
  expect(edited).toMatchObject({exit: 0, out: expect.stringContaining('Changed for fusion/east.')});
  expect(await run('sync')).toMatchObject({exit: 5, err: expect.stringContaining('follows no Git repository')});
});

test('every kind is listed and described as the controller tells it', async () => {
  for (const [name, value] of Object.entries(goodCredentials)) {
    await run(`credential set ${name}`, {readInput: () => value});
  }
  await run(`apply -f ${site}`);
  for (const kind of kindNames) {
    for (const form of ['table', 'wide', 'json', 'yaml', 'name']) {
      expect({kind, form, ...(await run(`get ${kind} -o ${form}`))}).toMatchObject({kind, form, exit: 0});
    }
  }
  expect((await run('get sources')).out).toMatch(/^lab +\S+ +\/mnt\/lab$/m);
  expect((await run('get source lab -o json')).out).toContain('"file": "site/pipes.yaml"');
  expect((await run('describe source mine')).out).toContain('path: /data');
  expect((await run('describe view research')).out).toMatch(/Desired:\n {2}datastore: lab\n[\s\S]*ever heard of it/);
  expect((await run('describe revision 1')).out).toMatch(/author +admin/);
  expect((await run('get credentials')).out).toMatch(/^west-key +\S+Z +admin$/m);
  expect((await run('get audit -o wide')).out).toMatch(/desired\.apply/);
  expect(await run('describe view nothing')).toMatchObject({exit: 1});
});

test('keys and tokens are made, listed and revoked', async () => {
  await run('apply -f - --as users.yaml', {readInput: () => 'users: { ada: { role: operator } }\n'});
  expect(await run('key create scripts --role admin --user ada')).toMatchObject({
    exit: 2,
    err: expect.stringContaining('ada cannot have the role admin'),
  });
  expect((await run('key create scripts --views alpha')).exit).toBe(2);
  const key = (await run('key create scripts --role operator --ttl 30d --user ada')).out.trim();
  expect(key).toMatch(/^fustor_key_/);
  expect((await run('key create more', {env: {FUSTOR_KEY: key}})).exit).toBe(4);
  expect((await run('get agents', {env: {FUSTOR_KEY: key}})).exit).toBe(0);
  expect((await run('key list')).out).toMatch(/^scripts +operator +\* +ada +\S+Z$/m);
  expect((await run('key create scripts')).exit).toBe(5);
  expect((await run('key revoke scripts')).out).toBe('scripts is revoked.\n');
  expect((await run('get agents', {env: {FUSTOR_KEY: key}})).exit).toBe(4);

  const token = (await run('enroll-token create --role agent --ttl 1h --uses 20')).out.trim();
  expect(token).toMatch(/^fustor_enroll_/);
  const id = (await run('enroll-token list -o name')).out.trim().replace('enroll-token/', '');
  expect((await run('enroll-token list')).out).toMatch(/ agent +usable +20 /);
  expect((await run(`enroll-token revoke ${id}`)).exit).toBe(0);
  expect((await run('enroll-token list -o json')).out).toBe('{\n  "data": []\n}\n');
  expect(await run('identity revoke agent/nobody')).toMatchObject({exit: 1});
  expect((await run('enroll-token create --replace')).exit).toBe(2);
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(site, path)), {recursive: true});
  writeFileSync(join(site, path), text);
}

function run(line: string, {env = {}, ...rest}: LineSettings = {}) {
  return runLine(line, {env: {FUSTOR_ENDPOINT: server.url, FUSTOR_KEY: 'key-of-admin', ...env}, ...rest});
}
