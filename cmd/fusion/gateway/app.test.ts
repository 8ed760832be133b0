import {createHash} from 'node:crypto';
import {beforeEach, expect, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {type Kind, kinds, newEntryFrom} from '../../../core/entry/entry.ts';
import {rootDirectory, type TreeStore} from '../../../core/tree/tree-store.ts';
import {gatewayParts} from '../../../test/lib/gateway-app.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import {type Key, KeyRing} from '../../http/keys.ts';
import {createApp, type GatewayApp} from './app.ts';
import {Views} from './views.ts';

const key = (name: string, role: Key['role'], views: Key['views']): Key => ({
  name,
  role,
  sha256: createHash('sha256').update(`secret-${name}`).digest('hex'),
  views,
});
const keys = [
  key('one', 'reader', ['research']),
  key('all', 'reader', '*'),
  key('agent', 'agent', ['research']),
  key('none', 'reader', []),
];

let store: TreeStore;
let app: GatewayApp;
beforeEach(async () => {
  store = openMemoryTree();
  const view = (name: string, reader: TreeStore) => ({name, reader, engineSocket: '/nowhere/engine.sock'});
  app = createApp(
    gatewayParts({
      keys: new KeyRing(keys),
      views: new Views([view('research', store), view('archive', openMemoryTree())]),
    }),
  );
  await store.write(txn => {
    const put = (directory: number, name: string, kind: Kind = kinds.file) => {
      const time = {seconds: 1_700_000_000, nanos: 120_000_000};
      return txn.put(directory, newEntryFrom(fromText(name), {kind, size: 3, mtime: time, ctime: time})).directory;
    };
    for (const top of ['a', 'b', 'c']) {
      const directory = put(rootDirectory, top, kinds.directory);
      for (let i = 0; i < 30; i++) put(directory, `f${i}`);
      const deep = put(directory, 'm', kinds.directory);
      for (let i = 0; i < 5; i++) put(deep, `g${i}`);
      txn.setDirectory(directory, {listedAt: 1});
      txn.setDirectory(deep, {listedAt: 1});
    }
    txn.setDirectory(rootDirectory, {listedAt: 1});
  });
});

async function ask(path: string, name = 'one', init: RequestInit = {}) {
  const response = await app.request(path, {
    ...init,
    headers: {authorization: `Bearer secret-${name}`, ...init.headers},
  });
  const text = await response.text();
  return {status: response.status, headers: response.headers, body: JSON.parse(text)};
}

type Node = {name: string; children?: Node[]; continued?: boolean};
function pathsOf(node: Node, path = ''): string[] {
  const own = node.continued || path === '' ? [] : [path];
  return [...own, ...(node.children ?? []).flatMap(child => pathsOf(child, `${path}/${child.name}`))];
}

test('a directory with its children, and everything below with recursive=true', async () => {
  const {status, body} = await ask('/api/v1/fs/tree?path=/a');
  expect(status).toBe(200);
  expect(body.data).toMatchObject({path: '/a', name: 'a', content_type: 'directory', integrity_suspect: false});
  expect(body.data.children).toHaveLength(31);
  expect(body.data.children[0]).toEqual({
    name: 'f0',
    content_type: 'file',
    size: 3,
    modified_time: 1_700_000_000.12,
    integrity_suspect: false,
  });
  expect(body.meta).toMatchObject({view: 'research', complete: true, sync: 'stale', leader: null, next_cursor: null});
  const all = await ask('/api/v1/views/research/fs/tree?recursive=true', 'all');
  expect(pathsOf(all.body.data)).toHaveLength(3 * 37);
});

test('max_depth goes as deep as it says; only_path leaves the attributes out', async () => {
  expect(pathsOf((await ask('/api/v1/fs/tree?max_depth=0')).body.data)).toEqual([]);
  expect(pathsOf((await ask('/api/v1/fs/tree?max_depth=1')).body.data)).toEqual(['/a', '/b', '/c']);
  expect(pathsOf((await ask('/api/v1/fs/tree?max_depth=2')).body.data)).toHaveLength(3 * 32);
  const {body} = await ask('/api/v1/fs/tree?path=/a/m&only_path=true');
  expect(body.data).toEqual({name: 'm', path: '/a/m', children: [0, 1, 2, 3, 4].map(i => ({name: `g${i}`}))});
});

test.each([1, 7, 31, 37, 111])('pages of %i entries hold every entry exactly once, in order', async limit => {
  const whole = pathsOf((await ask('/api/v1/fs/tree?recursive=true')).body.data);
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const {status, body} = await ask(`/api/v1/fs/tree?recursive=true&limit=${limit}${query}`);
    expect(status).toBe(200);
    const page = pathsOf(body.data);
    expect(page.length).toBeLessThanOrEqual(limit);
    found.push(...page);
    cursor = body.meta.next_cursor;
  } while (cursor !== null);
  expect(found).toEqual(whole);
});

test('between two pages others come and go; what stayed is there exactly once', async () => {
  const first = await ask('/api/v1/fs/tree?recursive=true&limit=20');
  await store.write(txn => {
    txn.remove(rootDirectory, fromText('b'));
    const a = txn.entry(rootDirectory, fromText('a'))!.directory;
    txn.remove(a, fromText('f0'));
    txn.remove(a, fromText('f26'));
  });
  const second = await ask(`/api/v1/fs/tree?recursive=true&cursor=${first.body.meta.next_cursor}`);
  const found = [...pathsOf(first.body.data), ...pathsOf(second.body.data)];
  expect(new Set(found).size).toBe(found.length);
  expect(found.filter(path => path.startsWith('/c'))).toHaveLength(37);
  expect(found.filter(path => path.startsWith('/a/f') && path !== '/a/f0' && path !== '/a/f26')).toHaveLength(28);
});

test('a path that is not known is 404 with meta, which tells "does not exist" from "not seen yet"', async () => {
  const gone = await ask('/api/v1/fs/tree?path=/a/nothing');
  expect(gone).toMatchObject({status: 404, body: {error: {code: 'PATH_NOT_FOUND'}, meta: {complete: true}}});
  const unseen = await ask('/api/v1/views/archive/fs/stat?path=/x', 'all');
  expect(unseen).toMatchObject({status: 404, body: {meta: {complete: false, sync: 'empty'}}});
});

test('a view of which nothing is known answers 200 with an empty tree', async () => {
  const {status, body} = await ask('/api/v1/views/archive/fs/tree?recursive=true', 'all');
  expect({status, children: body.data.children, meta: body.meta}).toMatchObject({
    status: 200,
    children: [],
    meta: {complete: false, sync: 'empty', last_event_at: null},
  });
});

test('stat tells everything, with the totals of a directory', async () => {
  const {body} = await ask('/api/v1/fs/stat?path=/a');
  expect(body.data).toMatchObject({path: '/a', complete: true, totals: {files: 35, directories: 1, bytes: 105}});
});

test.each([
  ['/api/v1/fs/tree', '', 401, 'UNAUTHENTICATED'],
  ['/api/v1/fs/tree', 'wrong', 401, 'UNAUTHENTICATED'],
  ['/api/v1/fs/tree', 'agent', 403, 'FORBIDDEN'],
  ['/api/v1/pipe/sessions', 'one', 403, 'FORBIDDEN'],
  ['/api/v1/views/archive/fs/tree', 'one', 404, 'VIEW_NOT_FOUND'],
  ['/api/v1/fs/tree', 'all', 400, 'BAD_REQUEST'],
  ['/api/v1/fs/tree', 'none', 400, 'BAD_REQUEST'],
  ['/api/v1/fs/tree?recursve=true', 'one', 400, 'BAD_REQUEST'],
  ['/api/v1/fs/tree?limit=0', 'one', 400, 'BAD_REQUEST'],
  ['/api/v1/fs/tree?path=/a&cursor=Lw', 'one', 400, 'BAD_REQUEST'],
  ['/api/v1/fs/nothing', 'one', 404, 'ROUTE_NOT_FOUND'],
])('%s with the key "%s" is answered %i %s, with a message and a hint', async (path, name, status, code) => {
  const init = path.includes('pipe') ? {method: 'POST', body: '{}'} : {};
  const response = await app.request(path, {...init, headers: name === '' ? {} : {'x-api-key': `secret-${name}`}});
  const body = (await response.json()) as {error: object};
  expect({status: response.status, ...body.error}).toMatchObject({
    status,
    code,
    message: expect.any(String),
    hint: expect.any(String),
  });
});

test('only event ingest says "later" when an engine is away; queries go on', async () => {
  const opened = await ask('/api/v1/pipe/sessions', 'agent', {
    method: 'POST',
    body: JSON.stringify({view: 'research'}),
  });
  expect(opened).toMatchObject({status: 503, body: {error: {code: 'ENGINE_UNAVAILABLE'}}});
  expect(opened.headers.get('retry-after')).toBe('1');
  expect((await ask('/api/v1/fs/tree')).status).toBe(200);
});

test('the document of the API names every route and every parameter of fs/tree', async () => {
  const {body} = await ask('/openapi.json');
  expect(Object.keys(body.paths)).toEqual(
    expect.arrayContaining([
      ...['/api/v1/views', '/api/v1/fs/tree', '/api/v1/views/{view}/fs/stat', '/livez', '/metrics', '/api/v1/fs/scan'],
      ...['jobs', 'jobs/{id}', 'fs/blind-spots', 'fs/suspects'].map(path => `/api/v1/views/{view}/${path}`),
    ]),
  );
  const parameters = body.paths['/api/v1/fs/tree'].get.parameters.map(({name}: {name: string}) => name);
  expect(parameters).toEqual([
    ...['path', 'path_b64', 'sync', 'sync_timeout', 'settled', 'require', 'recursive', 'max_depth', 'format', 'fields'],
    ...['only_path', 'limit', 'cursor', 'on_demand_scan'],
  ]);
});

test.each([
  ['fs/tree?path=/a', 200],
  ['fs/tree?path=/nowhere', 404],
  ['fs/tree?max_depth=all', 400],
  ['fs/tree?require=settled&settled=30s', 412],
  ['fs/changes?since=9999', 410],
  ['fs/suspects', 200],
  ['views', 200],
  ['status', 200],
  ['jobs', 200],
  ['jobs/none', 404],
  ['views/archive/fs/tree', 404],
  ['nothing/of/this', 404],
] as const)('%s (%i) is nothing that a cache may tell others', async (path, status) => {
  for (const [name, wanted] of [
    ['one', status],
    ['nobody', path.startsWith('nothing') ? status : 401],
  ] as const) {
    const answer = await ask(`/api/v1/${path}`, name);
    expect([name, answer.status]).toEqual([name, wanted]);
    expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    expect(answer.headers.get('vary')).toBe('accept-encoding, authorization, x-api-key');
  }
});
