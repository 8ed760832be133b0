import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {createServer, type Server} from 'node:http';
import {type AddressInfo, BoundSocket} from 'node:net';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {getRequestListener} from '@hono/node-server';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {kinds, newEntryFrom} from '../../../core/entry/entry.ts';
import type {Log} from '../../../core/log/log.ts';
import {rootDirectory, type TreeStore} from '../../../core/tree/tree-store.ts';
import {openTreeStore} from '../../../store/tree-store.ts';
import {gatewayParts} from '../../../test/lib/gateway-app.ts';
import {RawClient} from '../../../test/lib/raw-client.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {until} from '../../../test/lib/until.ts';
import {KeyRing} from '../../http/keys.ts';
import {listenUnix} from '../../unix-socket.ts';
import {createApp} from './app.ts';
import {Bodies} from './bodies.ts';
import {createGatewayServer, listenOn} from './http-server.ts';
import {Views} from './views.ts';
import {WaitingClients} from './waiting-clients.ts';

const directories = 60;
const filesPerDirectory = 500;
const connectionsMax = 20;
const bodiesMax = 2 ** 20;
const idleMs = 1_000;

/** A gateway on a real socket before a store of 30,000 entries, and an engine that answers when it is told to. */
let folder: ReturnType<typeof temporaryFolder>;
let store: TreeStore;
let server: Server;
let drain: () => Promise<void>;
let engine: Server;
let answerEngine: () => void;
let waiting: WaitingClients;
let bodies: Bodies;
let logged: {level: string; facts: object; message: string}[];
let open: RawClient[];

beforeEach(async () => {
  folder = temporaryFolder('fustor-hostile-');
  store = await openTreeStore(folder.path);
  await fill(store);
  const {promise: isTold, resolve} = Promise.withResolvers<void>();
  answerEngine = resolve;
  engine = createServer(async (request, response) => {
    for await (const _ of request);
    await isTold;
    response.writeHead(507).end(JSON.stringify({error: {code: 'STORE_FULL', message: 'No room.'}}));
  });
  const engineSocket = join(folder.path, 'engine.sock');
  await listenUnix(engine, engineSocket);
  logged = [];
  open = [];
  waiting = new WaitingClients();
  bodies = new Bodies(bodiesMax);
  await serve({clientTimeoutMs: 400, engineSocket});
});

afterEach(async () => {
  for (const {socket} of open) socket.destroy();
  answerEngine();
  for (const each of [server, engine]) {
    const closed = once(each, 'close');
    each.close();
    each.closeAllConnections();
    await closed;
  }
  await setTimeout(1); // in the turn that ends before it, connections say that they are closed: nobody reads the store any more
  await store.close();
  folder.remove();
});

async function serve({clientTimeoutMs, engineSocket}: {clientTimeoutMs: number; engineSocket: string}): Promise<void> {
  const note = (level: string) => (facts: object, message: string) => void logged.push({level, facts, message});
  const log: Log = {
    ...{debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error')},
    child: () => log,
  };
  const sha256 = createHash('sha256').update('key-of-all').digest('hex');
  const app = createApp(
    gatewayParts({
      keys: new KeyRing([{name: 'all', role: 'admin', sha256, views: '*'}]),
      views: new Views([{name: 'site', reader: store, engineSocket}]),
      ...{waiting, bodies, clientTimeoutMs, runDirectory: folder.path},
    }),
  );
  const listener = getRequestListener(app.fetch);
  ({server, drain} = createGatewayServer({listener, waiting, clientTimeoutMs, connectionsMax, idleMs, log}));
  const socket = new BoundSocket({host: '127.0.0.1', port: 0});
  await listenOn(server, socket.fd());
}

async function fill(store: TreeStore): Promise<void> {
  const time = {seconds: 1_700_000_000, nanos: 0};
  await store.write(txn => {
    for (let d = 0; d < directories; d++) {
      const attributes = {size: 1, mtime: time, ctime: time};
      const {directory} = txn.put(
        rootDirectory,
        newEntryFrom(fromText(`d${d}`), {...attributes, kind: kinds.directory}),
      );
      for (let f = 0; f < filesPerDirectory; f++)
        txn.put(directory, newEntryFrom(fromText(`file-${f}`), {...attributes, kind: kinds.file}));
      txn.setDirectory(directory, {listedAt: 1});
    }
    txn.setDirectory(rootDirectory, {listedAt: 1});
  });
}

async function client(): Promise<RawClient> {
  const made = await RawClient.open((server.address() as AddressInfo).port);
  open.push(made);
  return made;
}

function request(line: string, {headers = '', body = ''} = {}): string {
  return `${line} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: key-of-all\r\n${headers}\r\n${body}`;
}

const wholeTree = request('GET /api/v1/fs/tree?recursive=true');
const stat = request('GET /api/v1/fs/stat?path=/d1');

function entriesIn(body: string): number {
  const count = (node: {children?: object[]}): number =>
    (node.children ?? []).reduce<number>((sum, child) => sum + 1 + count(child), 0);
  return count(JSON.parse(body).data);
}
const allEntries = directories * (filesPerDirectory + 1);

/** Somebody else is answered. */
async function stillServes(): Promise<void> {
  const other = await client();
  expect(await other.write(stat).answer()).toMatchObject({status: 200});
  other.socket.destroy();
}

test('requests that are sent ahead are answered in their order, each whole', async () => {
  const made = await client();
  made.write(wholeTree + stat + wholeTree + request('GET /api/v1/fs/tree?path=/nowhere') + stat);
  expect(entriesIn((await made.answer()).body)).toBe(allEntries);
  expect(JSON.parse((await made.answer()).body).data.path).toBe('/d1');
  expect(entriesIn((await made.answer()).body)).toBe(allEntries);
  expect((await made.answer()).status).toBe(404);
  expect(JSON.parse((await made.answer()).body).data.path).toBe('/d1');
});

test('a connection with thousands of requests ahead of their answers is closed, others are served', async () => {
  const made = await client();
  made.socket.pause();
  made.write(wholeTree + stat.repeat(3_000));
  await until(() => probe(made));
  await stillServes();
});

/** Whether the other side is gone, which a paused socket only learns by writing. */
function probe(made: RawClient): boolean {
  made.write('GET');
  return made.isClosed;
}

test('a client that has said all and closes its half hears the whole answer', async () => {
  const made = await client();
  made.socket.end(wholeTree);
  expect(entriesIn((await made.answer()).body)).toBe(allEntries);
});

test('HEAD is answered without a body, and the connection goes on', async () => {
  const made = await client();
  made.write(wholeTree.replace('GET', 'HEAD'));
  expect(await made.answer({toHead: true})).toMatchObject({status: 200});
  made.write(stat.replace('GET', 'HEAD'));
  expect(await made.answer({toHead: true})).toMatchObject({status: 200});
  expect(await made.write(stat).answer()).toMatchObject({status: 200});
});

test('a body that comes with GET is passed over, and the connection goes on', async () => {
  const made = await client();
  const body = 'x'.repeat(200_000);
  const headers = `Content-Length: ${body.length}\r\n`;
  made.write(request('GET /api/v1/fs/tree?path=/d2', {headers, body}));
  expect(entriesIn((await made.answer()).body)).toBe(filesPerDirectory);
  expect(await made.write(stat).answer()).toMatchObject({status: 200});
});

test.each([
  ['no HTTP', 'hello\r\n\r\n'],
  ['bytes', Buffer.from(Array.from({length: 4_096}, (_, i) => (i * 97) % 256))],
  ['a head without end', `GET / HTTP/1.1\r\n${'X-Filling: x\r\n'.repeat(10_000)}`],
  ['a wrong length', 'POST /api/v1/fs/scan HTTP/1.1\r\nHost: g\r\nContent-Length: -5\r\n\r\n'],
  ['a wrong chunk', request('POST /api/v1/fs/scan', {headers: 'Transfer-Encoding: chunked\r\n', body: 'zz\r\n'})],
])('garbage (%s) ends its connection and nothing else', async (_what, garbage) => {
  const made = await client();
  made.write(garbage);
  await until(() => made.isClosed);
  await stillServes();
  expect(logged.filter(({level}) => level === 'error')).toEqual([]);
});

test.each(['', 'gzip', 'zstd'])(
  'clients that reset in the middle of an answer (%j) leave nothing behind',
  async coding => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    for (let i = 0; i < 40; i++) {
      const made = await client();
      made.write(request('GET /api/v1/fs/tree?recursive=true', {headers: `Accept-Encoding: ${coding}\r\n`}));
      await until(() => made.receivedBytes > 0, {everyMs: 1});
      made.socket.resetAndDestroy();
    }
    await until(() => waiting.count === 0);
    const connections = () => new Promise<number>(resolve => server.getConnections((_, count) => resolve(count)));
    await until(async () => (await connections()) === 0);
    await stillServes();
    process.off('warning', note);
    expect(warnings).toEqual([]);
    expect(logged.filter(({level}) => level === 'error')).toEqual([]);
  },
);

test('a client that takes nothing is disconnected after its time, one that goes on slowly is not', async () => {
  const [stuck, slow] = [await client(), await client()];
  stuck.socket.pause();
  slow.socket.pause();
  stuck.write(wholeTree);
  slow.write(wholeTree);
  const reading = setInterval(() => {
    slow.socket.resume();
    setImmediate(() => slow.socket.pause());
  }, 50);
  await until(() => logged.some(({message}) => message === 'a client made no progress'), {timeoutMs: 5_000});
  clearInterval(reading);
  slow.socket.resume();
  expect(entriesIn((await slow.answer()).body)).toBe(allEntries);
  expect(logged.filter(({message}) => message === 'a client made no progress')).toEqual([
    {level: 'debug', facts: {client: '127.0.0.1', path: '/api/v1/fs/tree'}, message: 'a client made no progress'},
  ]);
  await until(() => waiting.count === 0);
});

test('a watch of what is quiet lasts for longer than a client may make no progress', async () => {
  server.close();
  await serve({clientTimeoutMs: 2_400, engineSocket: join(folder.path, 'engine.sock')});
  const made = await client();
  let events = '';
  made.socket.on('data', (bytes: Buffer) => {
    events += bytes;
  });
  made.write(request('GET /api/v1/fs/watch'));
  await until(() => made.isClosed || events.split(': still here').length > 3);
  expect(made.isClosed).toBe(false);
});

test('who stops in the middle of a body is disconnected, who waits for the engine is not', async () => {
  const [stopped, patient] = [await client(), await client()];
  const events = 'POST /api/v1/pipe/sessions/site.1/events';
  stopped.write(request(events, {headers: 'Content-Length: 1000\r\n', body: 'x'}));
  patient.write(request(events, {headers: 'Content-Length: 1\r\n', body: 'x'}));
  await until(() => stopped.isClosed);
  expect(patient.isClosed).toBe(false);
  answerEngine();
  expect(await patient.answer()).toMatchObject({status: 507, headers: {'retry-after': '5'}});
  await until(() => bodies.bytes === 0);
});

test('bodies have a room; who finds none comes later, and what was held is given back', async () => {
  const events = (length: number) =>
    request('POST /api/v1/pipe/sessions/site.1/events', {headers: `Content-Length: ${length}\r\n`});
  const first = await client();
  first.write(events(bodiesMax - 1000)).write('x'.repeat(bodiesMax - 1000));
  await until(() => bodies.bytes === bodiesMax - 1000);
  const second = await client();
  second.write(events(3_000)).write('y'.repeat(3_000));
  const refused = await second.answer();
  expect(refused).toMatchObject({status: 429, headers: {'retry-after': '1'}});
  expect(JSON.parse(refused.body).error).toMatchObject({code: 'OVERLOADED', hint: expect.any(String)});
  second.write(events(500)).write('y'.repeat(500)); // a small one finds room, on the same connection
  await until(() => bodies.bytes === bodiesMax - 500);
  await stillServes();
  answerEngine();
  expect(await first.answer()).toMatchObject({status: 507});
  expect(await second.answer()).toMatchObject({status: 507});
  await until(() => bodies.bytes === 0);
});

test('an order of a scan that never ends is refused before it is in memory', async () => {
  const made = await client();
  made.write(request('POST /api/v1/fs/scan', {headers: 'Transfer-Encoding: chunked\r\n'}));
  for (let i = 0; i < 20; i++) made.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`);
  expect(await made.answer()).toMatchObject({status: 400});
  await until(() => bodies.bytes === 0);
});

test('where there are as many connections as there may be, idle and stalled ones make room', async () => {
  const clients: RawClient[] = [];
  for (let i = 0; i < 2 * connectionsMax; i++) {
    const made = await client();
    expect((await made.write(stat).answer()).status).toBe(200);
    clients.push(made);
  }
  await until(() => clients.filter(({isClosed}) => !isClosed).length <= connectionsMax);
  expect(clients.findIndex(({isClosed}) => !isClosed)).toBeGreaterThanOrEqual(connectionsMax); // the oldest went
});

test('a gateway that leaves ends no connection before its client would, and none in the middle', async () => {
  const askedAt = performance.now();
  const [kept, asking, silent, reading, pipelining] = await Promise.all(Array.from({length: 5}, client));
  for (const made of [kept!, asking!]) {
    const {headers} = await made.write(stat).answer();
    expect(headers).toMatchObject({connection: 'keep-alive', 'keep-alive': 'timeout=1'});
  }
  reading!.socket.pause();
  reading!.write(wholeTree);
  const body = 'x';
  pipelining!.write(
    stat + request('POST /api/v1/pipe/sessions/site.1/events', {headers: 'Content-Length: 1\r\n', body}),
  );
  await pipelining!.answer();
  await until(() => waiting.count === 1 && bodies.bytes === 1);
  const drained = drain();
  // Its answer began when connections were kept.
  const resumedAt = performance.now();
  reading!.socket.resume();
  expect(entriesIn((await reading!.answer()).body)).toBe(allEntries);
  expect((await asking!.write(stat).answer()).headers).toMatchObject({connection: 'close'});
  await until(() => asking!.isClosed);
  for (const made of [kept!, silent!]) {
    await until(() => made.isClosed);
    expect(performance.now() - askedAt).toBeGreaterThanOrEqual(idleMs);
  }
  await until(() => reading!.isClosed);
  expect(performance.now() - resumedAt).toBeGreaterThanOrEqual(idleMs);
  answerEngine();
  expect(await pipelining!.answer()).toMatchObject({status: 507, headers: {connection: 'close'}});
  await drained;
});
