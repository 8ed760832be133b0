import {readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import type {Log} from '../../../core/log/log.ts';
import {openTreeStore} from '../../../store/tree-store.ts';
import {limitFileSize, unlimited} from '../../../test/lib/file-size-limit.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {until} from '../../../test/lib/until.ts';
import {requestUnix} from '../../unix-socket.ts';
import {runEngine} from './run-engine.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const settings = {
  ...{hotFileThresholdMs: 30_000, cacheWindowMs: 120_000, tombstoneRetentionMs: 3_600_000},
  sessionTimeoutMs: 30_000,
};
const ignoreSignal = () => {};

let folder: ReturnType<typeof temporaryFolder>;
let socket: string;
let stop: AbortController;
let running: Promise<void>;
beforeEach(async () => {
  folder = temporaryFolder();
  socket = join(folder.path, 'engine.sock');
  stop = new AbortController();
  process.on('SIGXFSZ', ignoreSignal);
  const store = await openTreeStore(folder.path);
  await store.close();
});
afterEach(async () => {
  limitFileSize(unlimited);
  process.off('SIGXFSZ', ignoreSignal);
  stop.abort();
  await running;
  folder.remove();
});

function start(): void {
  running = runEngine({view: 'v', directory: folder.path, socket, settings}, {log, signal: stop.signal});
}

const ask = async (method: string, path: string, body: Uint8Array = new Uint8Array(), headers = {}) => {
  const asked = {socket, method, path, body, headers: {'x-fustor-key': 'k', ...headers}, timeoutMs: 5_000};
  const answer = await requestUnix(asked);
  return {status: answer.status, body: JSON.parse(answer.body.toString())};
};
const answers = () => until(() => ask('GET', '/health').catch(() => undefined), {what: 'the engine'});
const open = () => {
  const request = {view: 'v', schema: 'fs', agent_id: 'a', pipe: 'p', instance: '1'};
  return ask('POST', '/sessions', Buffer.from(JSON.stringify(request)));
};

test('an engine that starts on a full disk answers that it waits, and works when there is room', async () => {
  limitFileSize(8_192n); // the meta pages
  start();
  expect(await answers()).toMatchObject({status: 200});
  const refused = await until(async () => {
    const answer = await open();
    return answer.status === 507 ? answer : undefined;
  });
  expect(refused).toMatchObject({body: {error: {code: 'STORE_FULL'}}});
  limitFileSize(unlimited);
  await until(async () => (await open()).status < 300, {what: 'a session'});
});

test('a batch that cannot be decoded is kept as it came, with the reason; that it cannot be kept stops nothing', async () => {
  start();
  await answers();
  const {session_id: session} = (await until(async () => {
    const {status, body} = await open();
    return status === 201 ? body.data : undefined;
  })) as {session_id: string};
  const send = (number: number) => {
    const headers = {'x-fustor-batch': String(number), 'x-fustor-sent-at': '0'};
    return ask('POST', `/sessions/${session}/events`, Buffer.from('no batch'), headers);
  };
  expect(await send(1)).toMatchObject({status: 422, body: {error: {code: 'BATCH_REJECTED'}}});
  const rejected = join(folder.path, 'rejected');
  const [file, reason] = readdirSync(rejected).sort();
  expect(readFileSync(join(rejected, file!), 'utf8')).toBe('no batch');
  expect(readFileSync(join(rejected, reason!), 'utf8')).toContain('is not CBOR');
  expect(reason).toBe(`${file}.txt`);
  // A file stands where the folder was.
  rmSync(rejected, {recursive: true});
  writeFileSync(rejected, '');
  expect(await send(2)).toMatchObject({status: 422, body: {error: {code: 'BATCH_REJECTED'}}});
  expect(await send(3)).toMatchObject({status: 422});
});
