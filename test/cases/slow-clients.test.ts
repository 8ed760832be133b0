import {type ChildProcess, spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {openSync, readFileSync} from 'node:fs';
import {type AddressInfo, BoundSocket, connect, type Socket} from 'node:net';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {fill} from '../bench/made-tree.ts';
import {RawClient} from '../lib/raw-client.ts';
import {temporaryFolder} from '../lib/temporary-folder.ts';
import {until} from '../lib/until.ts';

/** One gateway as built, before a store of 100,000 entries that no engine writes to. */
class Gateway {
  readonly folder = temporaryFolder('fustor-slow-');
  port = 0;
  #child: ChildProcess | undefined;

  /** `descriptors`: how many it may have open. */
  async start({descriptors, clientTimeoutMs = 120_000}: {descriptors?: number; clientTimeoutMs?: number} = {}) {
    await fill(this.folder.path, 100_000);
    const socket = new BoundSocket({host: '127.0.0.1', port: 0});
    this.port = (socket.address() as AddressInfo).port;
    const program = [join(import.meta.dirname, '../../dist/fustor-fusion'), 'gateway'];
    const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
    const log = openSync(join(this.folder.path, 'log'), 'a');
    this.#child = spawn('/bin/sh', ['-c', `${limit}exec "$@"`, 'sh', ...program], {
      stdio: ['pipe', 'ignore', log, socket.fd()],
    });
    this.#child.stdin!.end(
      JSON.stringify({
        ...{id: '1', listenFd: 3, clientTimeoutMs, runDirectory: join(this.folder.path, 'run')},
        keys: [{name: 'all', role: 'reader', sha256: createHash('sha256').update('key').digest('hex'), views: '*'}],
        views: [{name: 'site', storeDirectory: this.folder.path, engineSocket: join(this.folder.path, 'engine.sock')}],
        ...{logLevel: 'debug', facts: {}},
      }),
    );
    await until(() => this.log().includes('gateway ready'));
    socket.close();
    return this;
  }

  log(): string {
    return readFileSync(join(this.folder.path, 'log'), 'utf8');
  }

  get isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Of its own, without what is mapped from files. */
  memoryMiB(): number {
    const status = readFileSync(`/proc/${this.#child!.pid}/status`, 'utf8');
    return Number(/RssAnon:\s+(\d+)/.exec(status)![1]) / 1024;
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGKILL');
    if (this.isRunning) await once(this.#child!, 'exit');
    this.folder.remove();
  }
}

let gateway: Gateway;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gateway.stop();
});

const get = (path: string, coding = 'identity') =>
  `GET /api/v1/fs/${path} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: key\r\nAccept-Encoding: ${coding}\r\n\r\n`;

/** How long a small request takes, in milliseconds. */
async function smallRequest(): Promise<number> {
  const startedAt = performance.now();
  const client = await RawClient.open(gateway.port);
  sockets.push(client.socket);
  expect((await client.write(get('stat?path=/small')).answer()).status).toBe(200);
  client.socket.destroy();
  return performance.now() - startedAt;
}

/** Clients that ask for the whole tree; every other one reads a kibibyte a second, the others nothing. */
async function slowClients(count: number, coding: string): Promise<Socket[]> {
  const made = Array.from({length: count}, () => connect(gateway.port, '127.0.0.1'));
  sockets.push(...made);
  await Promise.all(made.map(socket => once(socket, 'connect')));
  for (const [index, socket] of made.entries()) {
    socket.on('error', () => {}).pause();
    socket.write(get('tree?recursive=true', coding));
    if (index % 2 === 0) readSlowly(socket);
  }
  return made;
}

function readSlowly(socket: Socket): void {
  const timer = setInterval(() => socket.read(1024), 1_000);
  socket.on('readable', () => {}).once('close', () => clearInterval(timer));
}

const codings = ['identity', 'gzip', 'zstd'];
test.each(codings)(
  'a thousand clients that read %s slowly or not at all cost little memory and hold nobody up',
  async coding => {
    gateway = await new Gateway().start();
    for (let i = 0; i < 20; i++) await smallRequest();
    const before = gateway.memoryMiB();
    const clients = await slowClients(1_000, coding);
    await smallRequest(); // behind the beginning of all these
    const timesMs: number[] = [];
    let peak = 0;
    for (const endAt = performance.now() + 5_000; performance.now() < endAt; ) {
      timesMs.push(await smallRequest());
      peak = Math.max(peak, gateway.memoryMiB());
    }
    const median = timesMs.sort((a, b) => a - b)[timesMs.length >> 1]!;
    console.log(
      `1,000 slow clients, ${coding}: ${(peak - before).toFixed(0)} MiB; small requests ${median.toFixed(1)} ms in the middle`,
    );
    expect(peak - before).toBeLessThan(256);
    expect(median).toBeLessThan(250);
    for (const socket of clients) socket.destroy();
    await smallRequest();
    await slowClients(1_000, coding);
    await smallRequest();
    expect(gateway.memoryMiB() - before).toBeLessThan(320); // what malloc keeps is used again
  },
);

test('clients that take nothing for their time are gone after it', async () => {
  gateway = await new Gateway().start({clientTimeoutMs: 1_000});
  const made = Array.from({length: 50}, () => connect(gateway.port, '127.0.0.1'));
  sockets.push(...made);
  for (const socket of made)
    socket
      .on('error', () => {})
      .pause()
      .write(get('tree?recursive=true'));
  await until(() => gateway.log().split('a client made no progress').length === 51, {timeoutMs: 20_000});
  await smallRequest();
});

test('without descriptors left it goes on, and takes others as soon as there are', async () => {
  gateway = await new Gateway().start({descriptors: 120});
  const clients: RawClient[] = [];
  for (let i = 0; i < 300; i++) {
    const client = await RawClient.open(gateway.port);
    sockets.push(client.socket);
    clients.push(client);
  }
  for (const {socket} of clients) socket.destroy();
  await until(async () => {
    const client = await RawClient.open(gateway.port);
    sockets.push(client.socket);
    client.write(get('stat?path=/small'));
    await until(() => client.isClosed || client.receivedBytes > 0);
    return client.receivedBytes > 0;
  });
  expect(gateway.isRunning).toBe(true);
  expect((await smallRequest()) > 0).toBe(true);
});

test('where all connections are kept and idle, a new one finds room', async () => {
  gateway = await new Gateway().start({descriptors: 150});
  for (let i = 0; i < 400; i++) {
    const client = await RawClient.open(gateway.port);
    sockets.push(client.socket);
    expect((await client.write(get('stat?path=/small')).answer()).status).toBe(200);
  }
  expect(gateway.isRunning).toBe(true);
});
