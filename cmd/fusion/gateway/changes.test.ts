import {afterEach, beforeEach, expect, test, vi} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {type Kind, kinds, newEntryFrom} from '../../../core/entry/entry.ts';
import {rootDirectory, type TreeStore} from '../../../core/tree/tree-store.ts';
import {openTreeStore} from '../../../store/tree-store.ts';
import {askApp, gatewayApp, readerHeaders, readerKey} from '../../../test/lib/gateway-app.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {type Key, KeyRing} from '../../http/keys.ts';
import type {GatewayApp} from './app.ts';

let folder: ReturnType<typeof temporaryFolder>;
let store: TreeStore;
let app: GatewayApp;
let leaving: AbortController;
let keys: KeyRing;
const ask = (query: string) => askApp(app, `/api/v1/fs/changes?${query}`);
const put = (directory: number, name: string, kind: Kind = kinds.file, size = 3) =>
  store.write(txn => {
    const time = {seconds: 1_700_000_000, nanos: 123_456_789};
    return txn.put(directory, newEntryFrom(fromText(name), {kind, size, mtime: time, ctime: time})).directory;
  });

beforeEach(async () => {
  folder = temporaryFolder();
  store = await openTreeStore(folder.path, {changeLogBytesMax: 3_000, newId: 'store'});
  leaving = new AbortController();
  keys = new KeyRing([readerKey]);
  app = gatewayApp(store, leaving.signal, keys);
  const a = await put(rootDirectory, 'a', kinds.directory);
  await put(a, 'x');
  await put(rootDirectory, 'b', kinds.directory);
  await store.write(
    txn => void txn.move({directory: a, name: fromText('x')}, {directory: rootDirectory, name: fromText('y')}, {}),
  );
});
afterEach(async () => {
  leaving.abort();
  await store.close();
  folder.remove();
});

test('the changes since a seq, in order, and up to where they lead', async () => {
  const {status, body, text} = await ask('since=1');
  expect(status).toBe(200);
  expect(body.data).toEqual([
    {seq: 2, change: 'created', path: '/a/x', content_type: 'file'},
    expect.objectContaining({seq: 3, change: 'created', path: '/b', content_type: 'directory'}),
    expect.objectContaining({seq: 4, change: 'moved', from: '/a/x', path: '/y', size: 3}),
  ]);
  expect(text).toContain('"modified_time":1700000000.123456789,');
  expect(body.meta).toMatchObject({view: 'research', from_seq: 1, to_seq: 4, next_cursor: null, seq: 4});
  expect((await ask('since=4')).body).toMatchObject({data: [], meta: {to_seq: 4}});
  expect((await ask('')).body.data).toHaveLength(4);
});

test('only those at or below a path; pages; lines', async () => {
  expect((await ask('path=/a')).body.data.map(({change}: {change: string}) => change)).toEqual([
    'created',
    'created',
    'deleted',
  ]);
  const first = await ask('since=0&limit=3');
  expect(first.body.meta).toMatchObject({to_seq: 3, next_cursor: 'store:3', changes_since: 'store:3'});
  expect((await ask('since=0&cursor=store:3')).body.data).toHaveLength(1);
  const lines = (await ask('since=2&format=ndjson')).text.trimEnd().split('\n');
  expect(lines.map(line => JSON.parse(line))).toEqual([
    expect.objectContaining({seq: 3}),
    expect.objectContaining({seq: 4}),
    {meta: expect.objectContaining({to_seq: 4})},
  ]);
});

test('what the log does not have any more is gone, with what is known in meta', async () => {
  for (let i = 0; i < 60; i++) await put(rootDirectory, 'y', kinds.file, 100 + i);
  const {status, body} = await ask('since=1');
  expect({status, code: body.error.code, view: body.meta.view}).toEqual({
    status: 410,
    code: 'CHANGES_GONE',
    view: 'research',
  });
  expect((await ask(`since=${body.error.details.from_seq}`)).status).toBe(200);
  expect((await ask('since=1000')).status).toBe(410);
});

test('what a view had that was dropped and made anew is gone, and not taken for what this one had', async () => {
  const {status, body} = await ask('since=dropped:2');
  expect({status, code: body.error.code}).toEqual({status: 410, code: 'CHANGES_GONE'});
  expect((await ask('cursor=store:2')).body.data).toHaveLength(2);
  const headers = {...readerHeaders, 'last-event-id': 'dropped:2'};
  expect((await app.request('/api/v1/fs/watch', {headers})).status).toBe(410);
});

test.each(['since=x', 'since=1&cursor=', 'format=xml', 'limit=0', 'sinc=1'])('%s is refused', async query => {
  expect((await ask(query)).status).toBe(400);
});

/** Events as they come; `next` waits for so many. */
async function watch(query: string, headers: Record<string, string> = {}) {
  const response = await app.request(`/api/v1/fs/watch?${query}`, {headers: {...readerHeaders, ...headers}});
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const events = () =>
    [...text.matchAll(/^id: (.+)\ndata: (.+)\n\n/gm)].map(([, id, data]) => ({id, ...JSON.parse(data!)}));
  const read = async () => {
    const {value, done} = await reader.read();
    text += value ?? '';
    return !done;
  };
  return {
    all: () => text,
    next: async (count: number) => {
      while (events().length < count && (await read()));
      return events();
    },
    end: async () => {
      while (await read());
      return text;
    },
  };
}

test('changes come as events as they happen, and a client goes on behind the last that it heard', async () => {
  const stream = await watch('since=2');
  expect(await stream.next(2)).toMatchObject([
    {id: 'store:3', path: '/b'},
    {id: 'store:4', change: 'moved', from: '/a/x', path: '/y'},
  ]);
  await put(rootDirectory, 'new');
  expect((await stream.next(3)).at(-1)).toMatchObject({id: 'store:5', change: 'created', path: '/new', size: 3});
  expect(stream.all()).toMatch(/^retry: 1000\nid: store:2\n\n/);
  const again = await watch('since=0', {'last-event-id': 'store:4'});
  expect(await again.next(1)).toMatchObject([{id: 'store:5'}]);
});

test('without a place it begins now', async () => {
  const stream = await watch('path=/a');
  await put(rootDirectory, 'elsewhere');
  await put(2, 'here');
  expect(await stream.next(1)).toMatchObject([{path: '/a/here'}]);
});

test('a gateway that leaves ends the stream with the place to go on from', async () => {
  const stream = await watch('path=/a');
  await put(rootDirectory, 'elsewhere');
  await vi.waitFor(async () => expect((await ask('since=4')).body.data).toHaveLength(1));
  leaving.abort();
  expect(await stream.end()).toMatch(/: come again\nid: store:[45]\n\n$/);
});

test.each([
  ['is revoked', [], 401],
  ['may see other views', [{...readerKey, views: ['elsewhere']}], 404],
])('a stream whose key %s ends, and whoever comes again hears why', async (_, others, status) => {
  const stream = await watch('path=/a');
  keys.replace([readerKey]);
  await put(2, 'seen');
  expect(await stream.next(1)).toMatchObject([{path: '/a/seen'}]);
  keys.replace(others as Key[]);
  expect(await stream.end()).toMatch(/: come again\nid: store:5\n\n$/);
  expect((await askApp(app, '/api/v1/views/research/fs/watch')).status).toBe(status);
});

test('a place that is gone is 410 at once, and an event for who fell behind', async () => {
  expect((await askApp(app, '/api/v1/fs/watch?since=77')).status).toBe(410);
  const stream = await watch('since=0');
  for (let i = 0; i < 60; i++) await put(rootDirectory, 'y', kinds.file, 100 + i);
  const text = await stream.end();
  expect(text).toMatch(/event: gone\ndata: \{"error":\{"code":"CHANGES_GONE"/);
});

test('a thousand that watch one view cost one look at the store', async () => {
  const streams = await Promise.all(Array.from({length: 1_000}, () => watch('')));
  const read = vi.spyOn(store, 'read');
  await put(rootDirectory, 'new');
  const events = await Promise.all(streams.map(stream => stream.next(1)));
  expect(events.every(([event]) => event.path === '/new')).toBe(true);
  expect(read.mock.calls.length).toBeLessThan(3_000);
});
