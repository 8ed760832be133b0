import {readFileSync, statSync, truncateSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import type {Log} from '../../../core/log/log.ts';
import {encodeBatch} from '../../../core/protocol/codec.ts';
import type {TreeStore} from '../../../core/tree/tree-store.ts';
import {readRejected} from '../../../core/view/view-status.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {upsert} from '../../../test/lib/view.ts';
import {systemClock} from '../../system-clock.ts';
import {DeathMarkFile} from './death-marks.ts';
import {Engine} from './engine.ts';
import {EngineMetrics} from './engine-metrics.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const settings = {
  ...{view: 'v', hotFileThresholdMs: 30_000, cacheWindowMs: 120_000, tombstoneRetentionMs: 3_600_000},
  sessionTimeoutMs: 30_000,
};

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
let store: TreeStore;
let kept: string[];
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'under-way');
  store = openMemoryTree();
  kept = [];
});
afterEach(() => folder.remove());

/** An engine after the death of the one before: what it had under way stands in the file. `dies`: it stops at its next batch. */
async function nextLife({dies = false} = {}): Promise<Engine> {
  let isDead = false;
  const mortal: TreeStore = {
    ...store,
    read: body => store.read(body),
    write: body => (isDead ? new Promise(() => {}) : store.write(body)),
    close: () => store.close(),
  };
  let made = 0;
  const parts = {
    store: mortal,
    clock: systemClock,
    log,
    metrics: new EngineMetrics('v'),
    marks: new DeathMarkFile(path),
  };
  const engine = new Engine(settings, {
    ...parts,
    randomId: () => `${kept.length}-${++made}-${Math.random()}`,
    keepAside: async ({reason}) => {
      kept.push(reason);
      return 'kept';
    },
  });
  await engine.start();
  isDead = dies;
  return engine;
}

const open = async (engine: Engine, agent_id: string) =>
  (await engine.open({view: 'v', schema: 'fs', agent_id, pipe: 'p', instance: '1'}, 'k')).session_id;
const send = (engine: Engine, session: string, number: number) => {
  const bytes = encodeBatch({session, number, heard: undefined, events: [upsert(`/${session}-${number}`)]});
  return engine.receive({session, number, sentAt: 0, bytes});
};
const files = () => store.read(txn => txn.directory(1)!.totals.files);
const turn = () => new Promise(resolve => setImmediate(resolve));

test('a batch of which three engines in a row died is rejected and kept aside, and the stream goes on', async () => {
  const session = await open(await nextLife(), 'a');
  for (let death = 0; death < 3; death++) {
    void send(await nextLife({dies: true}), session, 1);
    await turn();
  }
  const engine = await nextLife();
  await expect(send(engine, session, 1)).rejects.toMatchObject({code: 'BATCH_REJECTED'});
  expect(kept).toEqual([expect.stringContaining('died 3 times in a row')]);
  expect(store.read(readRejected as never)).toMatchObject({count: 1, last: {agent: 'a', batch: 1, session}});
  await send(engine, session, 2);
  expect(files()).toBe(1);
  // Its answer was lost: it is confirmed, and not rejected again.
  await send(engine, session, 1);
  expect(kept).toHaveLength(1);
});

test('batches that were only under way beside it are applied alone when they come again, and blamed for nothing', async () => {
  const first = await nextLife();
  const [a, b] = [await open(first, 'a'), await open(first, 'b')];
  for (let death = 0; death < 3; death++) {
    const dying = await nextLife({dies: true});
    void send(dying, a, 1);
    void send(dying, b, 1);
    await turn();
  }
  // Both stood there at the first death; at the others only the one that came first, because it was alone.
  const engine = await nextLife();
  await expect(send(engine, a, 1)).rejects.toMatchObject({code: 'BATCH_REJECTED'});
  await send(engine, b, 1);
  expect(kept).toHaveLength(1);
});

test('an engine that is killed again and again while batches are applied in between blames none of them', async () => {
  const session = await open(await nextLife(), 'a');
  for (let number = 1; number <= 10; number++) {
    for (let kill = 0; kill < 2; kill++) {
      void send(await nextLife({dies: true}), session, number);
      await turn();
    }
    await nextLife(); // killed before anything came
    await send(await nextLife(), session, number);
  }
  expect(kept).toEqual([]);
  expect(files()).toBe(10);
});

test('what was stored and not answered when the engine died is confirmed, however often that happened', async () => {
  const session = await open(await nextLife(), 'a');
  await send(await nextLife(), session, 1);
  for (let death = 0; death < 4; death++) {
    const marks = new DeathMarkFile(path);
    marks.begin({session, number: 1});
  }
  await send(await nextLife(), session, 1);
  expect(kept).toEqual([]);
});

test('the file is written in place and never grows, and what is damaged is as if it were new', () => {
  const batch = {session: 's', number: 7};
  for (let death = 1; death <= 50; death++) {
    const marks = new DeathMarkFile(path);
    expect(marks.deathsOf(batch)).toBe(death - 1);
    for (let other = 0; other < death; other++) marks.begin({session: 'x'.repeat(80) + death, number: other});
    marks.end({session: 'x'.repeat(80) + death, number: 0});
    for (let other = 0; other < death; other++) marks.end({session: 'x'.repeat(80) + death, number: other});
    marks.begin(batch);
  }
  expect(statSync(path).size).toBe(4096);
  expect(readFileSync(path, 'utf8').trim()).toContain('"number":7');
  truncateSync(path, 10);
  expect(new DeathMarkFile(path).deathsOf(batch)).toBe(0);
});
