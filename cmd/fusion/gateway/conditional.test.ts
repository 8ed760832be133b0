import {createHash} from 'node:crypto';
import fc from 'fast-check';
import {expect, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {rootDirectory, type TreeStore} from '../../../core/tree/tree-store.ts';
import {emptyViewState, viewStateName} from '../../../core/view/view-status.ts';
import {openTreeStore} from '../../../store/tree-store.ts';
import {gatewayApp, gatewayParts, readerHeaders} from '../../../test/lib/gateway-app.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {anyTreeChange, applyChange, file, plantTree, type TreeChange} from '../../../test/lib/tree-history.ts';
import {questions} from '../../../test/lib/tree-questions.ts';
import {KeyRing} from '../../http/keys.ts';
import {systemClock} from '../../system-clock.ts';
import {createApp, type GatewayApp} from './app.ts';
import {Views} from './views.ts';
import {WaitingClients} from './waiting-clients.ts';

const get = (app: GatewayApp, path: string, headers: Record<string, string> = {}) =>
  app.request(`/api/v1/fs/${path}`, {headers: {...readerHeaders, ...headers}});
const tagOf = async (app: GatewayApp, path: string) => (await get(app, path)).headers.get('etag')!;

test('a tag that is sent back is answered 304, with all forms of If-None-Match', async () => {
  const store = openMemoryTree();
  await plantTree(store);
  const app = gatewayApp(store);
  for (const path of [
    'tree?path=/a',
    'tree?path=/large&recursive=true',
    'stat?path=/a/f0',
    'stats?path=/a',
    'search?pattern=f',
  ]) {
    const tag = await tagOf(app, path);
    expect(tag).toMatch(/^W\/"[\w-]+"$/);
    for (const sent of [tag, tag.slice(2), '*', `"other", ${tag}`, `W/"a,b" ,${tag}`]) {
      const response = await get(app, path, {'if-none-match': sent});
      expect([path, sent, response.status]).toEqual([path, sent, 304]);
      expect(await response.text()).toBe('');
      expect(response.headers.get('etag')).toBe(tag);
      expect(response.headers.get('cache-control')).toBe('private, no-cache');
      expect(response.headers.get('vary')).toBe('accept-encoding, authorization, x-api-key');
    }
    for (const sent of ['"other"', tag.slice(3, -1), '', 'W/"', `"${tag.slice(3, 9)}"`])
      expect([path, sent, (await get(app, path, {'if-none-match': sent})).status]).toEqual([path, sent, 200]);
  }
  expect((await get(app, 'tree?path=/nowhere', {'if-none-match': '*'})).status).toBe(404);
});

test('changes elsewhere leave a tag as it is, at any depth', async () => {
  const store = openMemoryTree();
  await plantTree(store);
  const app = gatewayApp(store);
  const paths = [
    'tree?path=/a',
    'tree?path=/a&recursive=true',
    'tree?path=/&only_path=true',
    'stats?path=/a',
    'search?path=/a',
  ];
  const before = await Promise.all(paths.map(path => tagOf(app, path)));
  await store.write(txn => {
    const b = txn.entry(rootDirectory, fromText('b'))!.directory;
    txn.put(b, file('new'));
    txn.remove(b, fromText('f0'));
    txn.putState(viewStateName, {...emptyViewState, lastEventAt: 5});
  });
  const after = await Promise.all(paths.map(path => tagOf(app, path)));
  expect(after.map((tag, at) => tag === before[at])).toEqual([false, false, false, false, false]); // it is known now: "stale"
  await store.write(txn => {
    txn.put(txn.entry(rootDirectory, fromText('b'))!.directory, file('newer'));
    txn.putState(viewStateName, {...emptyViewState, lastEventAt: 6});
  });
  expect(await Promise.all(paths.map(path => tagOf(app, path)))).toEqual(after);
});

test('a view that is dropped and made anew has other tags', async () => {
  const tags = new Set<string>();
  for (let i = 0; i < 3; i++) {
    using folder = temporaryFolder();
    const store = await openTreeStore(folder.path);
    await plantTree(store);
    tags.add(await tagOf(gatewayApp(store), 'tree?path=/a'));
    await store.close();
  }
  expect(tags.size).toBe(3);
});

test('an answer that orders something, or depends on what no tag knows, has none', async () => {
  const store = openMemoryTree();
  await plantTree(store);
  expect(await tagOf(gatewayApp(store), 'tree?path=/a&on_demand_scan=true')).toBeNull();
});

/** Each with a value that is not its default. */
const samples: Record<string, string> = {
  ...{path: '/b', path_b64: 'L2I', settled: '30s', require: 'complete', sync: 'true', sync_timeout: '1'},
  ...{recursive: 'true', max_depth: '2', on_demand_scan: 'true', format: 'ndjson', fields: 'size', only_path: 'true'},
  ...{limit: '3', children: 'true', sort: 'files', pattern: 'f', ignore_case: 'true', kind: 'file'},
  ...{size_min: '1', size_max: '5', modified_after: '1', modified_before: '9'},
};

test.each([
  ['tree', ['on_demand_scan', 'require', 'settled', 'sync', 'sync_timeout']],
  ['search', ['sync']],
  ['stat', ['require']], // 412: nothing there is complete
  ['stats', ['require']],
])('with any parameter that fs/%s has, the tag is another one, or there is none', async (name, untagged) => {
  const store = openMemoryTree();
  await plantTree(store);
  const app = gatewayApp(store);
  const {paths} = JSON.parse(await (await app.request('/openapi.json')).text());
  const known: string[] = paths[`/api/v1/fs/${name}`].get.parameters.map((one: {name: string}) => one.name);
  const page = await get(app, `${name}?path=/a${known.includes('cursor') ? '&limit=1' : ''}`);
  const cursor: string | undefined = JSON.parse(await page.text()).meta.next_cursor;
  const tags = new Map<string, string>();
  const without: string[] = [];
  for (const parameter of ['', ...known]) {
    const value = parameter === 'cursor' ? cursor : samples[parameter];
    expect([parameter, value === undefined]).toEqual([parameter, parameter === '']);
    const isPath = parameter.startsWith('path');
    const query = [isPath ? '' : 'path=/a', parameter && `${parameter}=${value}`].filter(part => part !== '').join('&');
    const response = await get(app, `${name}?${query}`);
    expect([query, response.status]).toEqual([query, untagged.includes(parameter) ? expect.any(Number) : 200]);
    const tag = response.headers.get('etag');
    if (tag === null) without.push(parameter);
    else tags.set(tag, parameter);
  }
  expect(tags.size).toBe(1 + known.length - untagged.length);
  expect(without.sort()).toEqual(untagged);
});

// ── Never wrong

/** These take several chunks, so that something can change between them. */
const long = ['tree?path=/large&recursive=true', 'tree?path=/large', 'search?path=/large&limit=5'];

test('whoever is told 304 has what he would be told: also when what he has was torn by changes', async () => {
  let [told, repeated] = [0, 0];
  const anySteps = fc.array(fc.record({before: anyTreeChange, amid: anyTreeChange}), {minLength: 1, maxLength: 25});
  await fc.assert(
    fc.asyncProperty(anySteps, async steps => {
      const store = openMemoryTree();
      await plantTree(store);
      let nowMs = 1_000;
      const app = appOf(store, () => nowMs);
      /** By tag, all that clients may have of it. */
      const held = new Map<string, Set<string>>();
      const change = (one: TreeChange) => {
        if (one.kind === 'wait') nowMs += one.ms;
        return store.write(txn => applyChange(txn, one, nowMs));
      };
      const ask = async (question: string, amid?: () => Promise<void>) => {
        const response = await get(app, question);
        const body = await read(response, amid);
        const tag = response.headers.get('etag');
        expect([question, tag !== null]).toEqual([question, response.status === 200]);
        return tag === null ? undefined : {tag, body};
      };
      const hold = ({tag, body}: {tag: string; body: string}) => held.set(tag, (held.get(tag) ?? new Set()).add(body));
      for (const {before, amid} of steps) {
        await change(before);
        for (const question of questions) {
          const now = await ask(question);
          if (!now) continue;
          const others = [...(held.get(now.tag) ?? [])].filter(body => body !== now.body);
          expect([question, others.length]).toEqual([question, 0]);
          told++;
          if (held.has(now.tag)) repeated++;
          hold(now);
        }
        for (const question of long) {
          const torn = await ask(question, () => change(amid));
          if (torn) hold(torn);
        }
      }
    }),
    {numRuns: Number(process.env.FUSTOR_RUNS ?? 30)},
  );
  expect(repeated / told).toBeGreaterThan(0.3); // a tag that is always another would be right, and of no use
}, 120_000);

const thereAndBack: [string, there: TreeChange, back: TreeChange][] = [
  [
    'unreadable',
    {kind: 'unreadable', at: 'large/d7', why: 'EIO'},
    {kind: 'unreadable', at: 'large/d7', why: undefined},
  ],
  [
    'a suspect',
    {kind: 'put', at: 'large/d7', name: 'f0', size: 1, flags: 1},
    {kind: 'put', at: 'large/d7', name: 'f0', size: 1, flags: 0},
  ],
  ['moved', {kind: 'rename', swap: 'large'}, {kind: 'rename', swap: 'large'}],
  ['with a leader', {kind: 'session', agent: 'x', role: 'leader'}, {kind: 'session', agent: 'x', role: 'gone'}],
];

test.each(thereAndBack)('what was %s only while it was being told of is not told again', async (_what, there, back) => {
  for (const question of long) {
    const store = openMemoryTree();
    await plantTree(store);
    await store.write(txn => {
      const large = txn.entry(rootDirectory, fromText('large'))!.directory;
      for (let i = 0; i < 250; i++) txn.setDirectory(txn.entry(large, fromText(`d${i}`))!.directory, {listedAt: 1});
      txn.setDirectory(large, {listedAt: 1});
    });
    const app = appOf(store, () => 1_000);
    const torn = await get(app, question);
    const held = await read(torn, () => store.write(txn => applyChange(txn, there, 1_000)));
    await store.write(txn => applyChange(txn, back, 1_000));
    const now = await get(app, question);
    const body = await read(now, undefined);
    expect([question, now.headers.get('etag') !== torn.headers.get('etag') || held === body]).toEqual([question, true]);
  }
});

function appOf(store: TreeStore, now: () => number): GatewayApp {
  const sha256 = createHash('sha256').update('secret-of-a-reader').digest('hex');
  const keys = new KeyRing([{name: 'reader', role: 'reader', sha256, views: '*'}]);
  const views = new Views([{name: 'research', reader: store, engineSocket: '/nowhere/engine.sock'}]);
  const waiting = new WaitingClients();
  for (let i = 0; i < 10_000; i++) waiting.add({destroy() {}}); // so that chunks are small
  return createApp(gatewayParts({keys, views, waiting, clock: {...systemClock, now}}));
}

/** What a tag is of. `amid` happens when the first chunk has been read. */
async function read(response: Response, amid: (() => Promise<void>) | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body!) {
    chunks.push(chunk);
    if (chunks.length === 1) await amid?.();
  }
  const {data, meta} = JSON.parse(Buffer.concat(chunks).toString());
  const {seq: _, seq_from: _from, changes_since: _since, last_event_at: _at, ...rest} = meta ?? {};
  return JSON.stringify({data, meta: rest});
}
