import {createHash} from 'node:crypto';
import fc from 'fast-check';
import {expect, test} from 'vitest';
import {rootDirectory, type TreeReader} from '../../../core/tree/tree-store.ts';
import {openTreeReader, openTreeStore} from '../../../store/tree-store.ts';
import {gatewayParts} from '../../../test/lib/gateway-app.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {anyTreeChange, applyChange, file, plantTree} from '../../../test/lib/tree-history.ts';
import {questions} from '../../../test/lib/tree-questions.ts';
import {KeyRing} from '../../http/keys.ts';
import {systemClock} from '../../system-clock.ts';
import {createApp, type GatewayApp} from './app.ts';
import {KeptAnswers} from './kept-answers.ts';
import {Views} from './views.ts';

const keys = ['both', 'one', 'other'].map(name => ({
  ...{name, role: 'reader' as const, views: name === 'both' ? ('*' as const) : [name]},
  sha256: createHash('sha256').update(name).digest('hex'),
}));

function appOf(one: TreeReader, other: TreeReader, now: () => number): GatewayApp {
  const views = new Views([
    {name: 'one', reader: one, engineSocket: '/nowhere/engine.sock'},
    {name: 'other', reader: other, engineSocket: '/nowhere/engine.sock'},
  ]);
  return createApp(gatewayParts({keys: new KeyRing(keys), views, clock: {...systemClock, now}}));
}

async function ask(app: GatewayApp, path: string, headers: Record<string, string> = {}) {
  const response = await app.request(`/api/v1/${path}`, {headers: {'x-api-key': 'both', ...headers}});
  return {status: response.status, headers: [...response.headers], text: await response.text()};
}

const asked = [
  ...questions.filter(question => question.startsWith('tree')),
  ...['format=paths', 'format=cbor', 'fields=name', 'settled=1s', 'on_demand_scan=true'].map(
    more => `tree?path=/a&${more}`,
  ),
];

test.each(['in memory', 'in LMDB'])(
  'what is sent again is what would be made anew, through any history, %s',
  async where => {
    const anyTime = fc.record({kind: fc.constant('time' as const), ms: fc.integer({min: -60, max: 60})});
    const anySteps = fc.array(fc.oneof(anyTreeChange, anyTime), {minLength: 1, maxLength: 25});
    await fc.assert(
      fc.asyncProperty(anySteps, async steps => {
        using folder = temporaryFolder();
        const store = where === 'in memory' ? openMemoryTree() : await openTreeStore(folder.path);
        const reader = where === 'in memory' ? store : openTreeReader(folder.path);
        await plantTree(store);
        let nowMs = 1_000;
        const app = appOf(reader, openMemoryTree(), () => nowMs);
        for (const step of steps) {
          if (step.kind === 'time') nowMs += step.ms;
          else await store.write(txn => applyChange(txn, step, nowMs));
          for (const question of asked) {
            const path = `views/one/fs/${question}`;
            const anew = await ask(
              appOf(reader, openMemoryTree(), () => nowMs),
              path,
            );
            for (const time of ['first', 'second']) expect([time, await ask(app, path)]).toEqual([time, anew]);
            const tag = new Map(anew.headers).get('etag');
            if (tag) expect((await ask(app, path, {'if-none-match': tag})).status).toBe(304);
          }
        }
        if (reader !== store) await reader.close();
        await store.close();
      }),
      {numRuns: Number(process.env.FUSTOR_RUNS ?? 10)},
    );
  },
  120_000,
);

test('what was answered is sent again without a look at the tree', async () => {
  const store = openMemoryTree();
  await plantTree(store);
  let looks = 0;
  const counting: TreeReader = {
    read: body =>
      store.read(txn =>
        body(
          new Proxy(txn, {
            get: (target, name) => {
              if (name === 'entry') looks++;
              const value = Reflect.get(target, name);
              return typeof value === 'function' ? value.bind(target) : value;
            },
          }),
        ),
      ),
    close: async () => {},
  };
  const app = appOf(counting, store, () => 1_000);
  const looksOf = async (path: string, headers?: Record<string, string>) => {
    const before = looks;
    await ask(app, path, headers);
    return looks - before;
  };
  const path = 'views/one/fs/tree?path=/a';
  expect(await looksOf(path)).toBeGreaterThan(0);
  expect(await looksOf(path)).toBe(0);
  expect(await looksOf(path, {'if-none-match': '"other"'})).toBe(0);
  for (const more of ['on_demand_scan=true', 'sync=true', 'settled=1s', 'require=complete']) {
    await looksOf(`${path}&${more}`);
    expect([more, (await looksOf(`${path}&${more}`)) > 0]).toEqual([more, true]);
  }
  await store.write(txn => void txn.putState('anything', 1));
  expect(await looksOf(path)).toBeGreaterThan(0);
});

test('when a session times out, and when the clock is set back, nothing has to be written', async () => {
  const store = openMemoryTree();
  await plantTree(store);
  let nowMs = 1_000;
  await store.write(txn => applyChange(txn, {kind: 'session', agent: 'x', role: 'leader'}, nowMs));
  const app = appOf(store, store, () => nowMs);
  const leaderAt = async (ms: number) => {
    nowMs = ms;
    return JSON.parse((await ask(app, 'views/one/fs/tree?path=/a')).text).meta.leader;
  };
  for (const [ms, leader] of [
    [1_030, 'x'],
    [1_031, null],
    [1_090, null],
    [1_001, 'x'],
    [1_031, null],
  ] as const)
    expect([ms, await leaderAt(ms)]).toEqual([ms, leader]);
});

test('a key is sent nothing of a view that it may not see, and nothing of another view', async () => {
  const [one, other] = [openMemoryTree(), openMemoryTree()];
  await plantTree(one);
  await plantTree(other);
  await other.write(txn => void txn.put(rootDirectory, file('only-here')));
  await one.write(() => {}); // so that both have had as many
  const app = appOf(one, other, () => 1_000);
  for (let time = 0; time < 2; time++) {
    expect((await ask(app, 'views/other/fs/tree?path=/')).text).toContain('only-here');
    expect((await ask(app, 'views/one/fs/tree?path=/')).text).not.toContain('only-here');
    expect((await ask(app, 'views/other/fs/tree?path=/', {'x-api-key': 'one'})).status).toBe(404);
    expect((await ask(app, 'fs/tree?path=/', {'x-api-key': 'one'})).text).not.toContain('only-here');
    expect((await ask(app, 'fs/tree?path=/', {'x-api-key': 'other'})).text).toContain('only-here');
  }
});

test('as many bytes are kept as there may be: of what was asked for last', () => {
  const kept = new KeptAnswers(10_000);
  const find = (question: string) => openMemoryTree().read(txn => kept.find(question, txn, 1));
  const keep = (question: string, bytes: number) => {
    const chunks = {first: [new Uint8Array(bytes)], next: () => undefined, isDone: true};
    kept.keep(question, {snapshotId: '0', from: 0, until: 9, chunks});
  };
  keep('a', 2_000);
  keep('b', 2_000);
  expect(find('a')).toBeDefined();
  keep('c', 2_000);
  keep('d', 2_000);
  expect(['a', 'b', 'c', 'd'].map(question => find(question) !== undefined)).toEqual([true, false, true, true]);
  keep('e', 20_000);
  expect(kept.bytes).toBe(0);
});
