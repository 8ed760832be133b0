import {randomUUID} from 'node:crypto';
import {once} from 'node:events';
import type {AddressInfo} from 'node:net';
import {expect, onTestFinished, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {kinds} from '../../../core/entry/entry.ts';
import type {Path} from '../../../core/entry/path.ts';
import type {Log} from '../../../core/log/log.ts';
import {encodeBatch} from '../../../core/protocol/codec.ts';
import {type OpenSessionAnswer, writeToldUntil} from '../../../core/protocol/session.ts';
import {readSessions} from '../../../core/session/session.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import {systemClock} from '../../system-clock.ts';
import {noDeathMarks} from './death-marks.ts';
import {Engine} from './engine.ts';
import {EngineMetrics} from './engine-metrics.ts';
import {createEngineServer} from './engine-server.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const settings = {
  ...{view: 'site', hotFileThresholdMs: 30_000, cacheWindowMs: 120_000, tombstoneRetentionMs: 3_600_000},
  sessionTimeoutMs: 30_000,
};

test('what a batch proves is read from beside it, and it proves nothing without', async () => {
  const store = openMemoryTree();
  const metrics = new EngineMetrics('site');
  const parts = {store, clock: systemClock, log, metrics, randomId: randomUUID, marks: noDeathMarks};
  const engine = new Engine(settings, {...parts, keepAside: async () => 'nowhere'});
  await engine.start();
  const signal = new AbortController().signal;
  const server = createEngineServer(engine, {log, metrics: async () => [], signal}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const {port} = server.address() as AddressInfo;
  const post = async (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {method: 'POST', body, headers});
    expect(response.ok).toBe(true);
    return (await response.json()) as {data: OpenSessionAnswer};
  };
  const asked = {view: 'site', schema: 'fs', agent_id: 'a', pipe: 'p', instance: '1', source: '/'};
  const {session_id: session, hlc} = (await post('/sessions', JSON.stringify(asked), {'x-fustor-key': 'k'})).data;
  const time = {seconds: 1, nanos: 0};
  const attributes = {kind: kinds.file, size: 1, mtime: time, ctime: time};
  const upsert = {kind: 'upsert', path: fromText('/f') as Path, attributes, isAtomic: true, observedAt: 100} as const;
  const caughtUpAfter = async (number: number, beside: Record<string, string>) => {
    const bytes = encodeBatch({session, number, heard: {hlc, at: 0}, events: [upsert]}) as Uint8Array<ArrayBuffer>;
    const headers = {'x-fustor-batch': String(number), 'x-fustor-sent-at': '100', ...beside};
    await post(`/sessions/${session}/events`, bytes, headers);
    return store.read(txn => readSessions(txn)[0]!.caughtUpAt);
  };
  expect(await caughtUpAfter(1, {})).toBeUndefined();
  expect(await caughtUpAfter(2, {'x-fustor-told-until': writeToldUntil({hlc, ms: 0})})).toBe(hlc);
});
