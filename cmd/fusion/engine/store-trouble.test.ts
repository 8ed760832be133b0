import {statSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import type {Log} from '../../../core/log/log.ts';
import {encodeBatch} from '../../../core/protocol/codec.ts';
import {heartbeatRequest} from '../../../core/protocol/session.ts';
import {readSessions} from '../../../core/session/session.ts';
import type {Clock} from '../../../core/time/clock.ts';
import type {TreeStore} from '../../../core/tree/tree-store.ts';
import {readRejected} from '../../../core/view/view-status.ts';
import {storeFailed} from '../../../store/store-error.ts';
import {openTreeStore} from '../../../store/tree-store.ts';
import {limitFileSize, unlimited} from '../../../test/lib/file-size-limit.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {directory, listing, upsert} from '../../../test/lib/view.ts';
import {systemClock} from '../../system-clock.ts';
import {noDeathMarks} from './death-marks.ts';
import {Engine} from './engine.ts';
import {EngineMetrics} from './engine-metrics.ts';

const settings = {
  ...{view: 'v', hotFileThresholdMs: 30_000, cacheWindowMs: 120_000, tombstoneRetentionMs: 3_600_000},
  sessionTimeoutMs: 30_000,
};
const ignoreSignal = () => {};

let folder: ReturnType<typeof temporaryFolder>;
let store: TreeStore;
let laterMs: number;
let told: string[];
let kept: string[];
beforeEach(async () => {
  folder = temporaryFolder();
  store = await openTreeStore(folder.path);
  [laterMs, told, kept] = [0, [], []];
  process.on('SIGXFSZ', ignoreSignal);
});
afterEach(async () => {
  limitFileSize(unlimited);
  process.off('SIGXFSZ', ignoreSignal);
  await store.close();
  folder.remove();
});

function engineOn(store: TreeStore): Engine {
  const log: Log = {
    ...{debug() {}, warn() {}, child: () => log},
    info: (_, message) => told.push(message),
    error: (_, message) => told.push(message),
  };
  const clock: Clock = {
    ...systemClock,
    now: () => Date.now() + laterMs,
    monotonic: () => performance.now() + laterMs,
  };
  let made = 0;
  const metrics = new EngineMetrics('v');
  const keepAside = async ({reason}: {reason: string}) => {
    kept.push(reason);
    return undefined;
  };
  return new Engine(settings, {
    ...{store, clock, log, metrics, keepAside, marks: noDeathMarks},
    randomId: () => String(++made),
  });
}

const open = async (engine: Engine) =>
  (await engine.open({view: 'v', schema: 'fs', agent_id: 'a', pipe: 'p', instance: '1'}, 'k')).session_id;
const large = (number: number) => {
  const names = Object.fromEntries(Array.from({length: 5_000}, (_, i) => [`${'x'.repeat(90)}${i}`, {}]));
  return [listing('/', {[`d${number}`]: directory}, 1), listing(`/d${number}`, names, 1)];
};
const send = (engine: Engine, session: string, number: number, events = large(number)) =>
  engine.receive({session, number, sentAt: 0, bytes: encodeBatch({session, number, heard: undefined, events})});
const noRoom = {code: expect.stringMatching('STORE_FULL|STORE_FAILED')};
const files = () => store.read(txn => txn.directory(1)!.totals.files);

test('while there is no room batches wait, nobody loses a session, nothing is rejected, and then it goes on', async () => {
  const engine = engineOn(store);
  await engine.start();
  const session = await open(engine);
  limitFileSize(BigInt(statSync(join(folder.path, 'tree.mdb')).size));
  for (let round = 0; round < 5; round++) {
    laterMs += settings.sessionTimeoutMs - 1_000;
    await expect(send(engine, session, 1)).rejects.toMatchObject(noRoom);
    // A heartbeat may find a free page or not: it was heard.
    await engine.heartbeat(session, heartbeatRequest.parse({queued: 1}), AbortSignal.timeout(1_000)).catch(() => {});
    await engine.tick();
  }
  expect(files()).toBe(0);
  limitFileSize(unlimited);
  await send(engine, session, 1);
  expect(files()).toBe(5_000);
  expect(store.read(readSessions).map(({id}) => id)).toEqual([session]);
  expect(kept).toEqual([]);
  laterMs += 11_000;
  await engine.tick();
  expect(told.filter(message => message.startsWith('nothing can be stored'))).toHaveLength(1);
  expect(told.filter(message => message.includes('written to again'))).toHaveLength(1);
});

test('an engine whose store fails for long, other than for want of room, ends; one whose disk is full never does', async () => {
  let failure = storeFailed(new Error('Input/output error'), folder.path);
  const engine = engineOn({
    read: body => store.read(body),
    write: () => Promise.reject(failure),
    close: async () => {},
  });
  await expect(engine.start()).rejects.toMatchObject({code: 'STORE_FAILED'});
  laterMs += 20_000;
  await engine.tick();
  laterMs += 11_000;
  await expect(engine.tick()).rejects.toMatchObject({code: 'STORE_FAILED'});
  failure = Object.assign(failure, {code: 'STORE_FULL'});
  for (let hour = 0; hour < 24; hour++) {
    laterMs += 3_600_000;
    await engine.tick();
  }
});

test('what a batch brings about twice is its fault: it is rejected and remembered; what happens once is not', async () => {
  let throwing = 0;
  const faulty: TreeStore = {
    read: body => store.read(body),
    write: body =>
      store.write(txn => {
        if (throwing > 0 && throwing--) throw new TypeError('on purpose');
        return body(txn);
      }),
    close: () => store.close(),
  };
  const engine = engineOn(faulty);
  await engine.start();
  const session = await open(engine);
  throwing = 1;
  await send(engine, session, 1, [upsert('/one')]);
  expect([files(), kept]).toEqual([1, []]);
  throwing = 2;
  await expect(send(engine, session, 2, [upsert('/two')])).rejects.toMatchObject({code: 'BATCH_REJECTED'});
  await send(engine, session, 3, [upsert('/three')]);
  expect(files()).toBe(2);
  expect(kept).toEqual([expect.stringContaining('on purpose')]);
  expect(store.read(readRejected)).toMatchObject({
    count: 1,
    last: {agent: 'a', batch: 2, reason: 'on purpose', session},
  });
});
