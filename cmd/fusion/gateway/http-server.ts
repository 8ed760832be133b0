import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import {createServer as createTlsServer} from 'node:https';
import {Server as NetServer, type Socket} from 'node:net';
import type {Log} from '../../../core/log/log.ts';
import {limitUnsent} from '../../unsent-limit.ts';
import {breakOff} from './break-off.ts';
import type {WaitingClients} from './waiting-clients.ts';

export type ServerOptions = {
  /** What answers a request; must not throw or reject. */
  listener: (incoming: IncomingMessage, outgoing: ServerResponse) => unknown;
  waiting: WaitingClients;
  /** Who neither sends what is missing of its request nor takes anything of its answer for this long is disconnected. */
  clientTimeoutMs: number;
  /** From here on, the connections that are idle for longest, and then those of stalled clients, are closed for new ones. */
  connectionsMax?: number;
  /** How long a client is told that it may keep a connection on which it asks nothing. */
  idleMs?: number;
  /** PEM; without it plain HTTP is spoken. */
  tls?: {cert: string; key: string} | undefined;
  log: Log;
};

/** Head and body of a request as a whole; the largest batch over a slow line takes minutes. */
const headersTimeoutMs = 20_000;
const requestTimeoutMs = 300_000;
const checkEveryMs = 5_000;
/** Enough for who asks every second. A gateway that leaves waits for it, lest a request that is on its way meets a closed connection. */
const idleMsOfClients = 5_000;
/** How much longer one is kept here: so it is the client that closes it. */
const idleMsBeyond = 60_000;
const closeIdleEveryMs = 250;
/** How long a client may take to read the rest of its answer; one that makes no progress is disconnected before. */
const drainMs = 600_000;
/** Requests that one connection sent ahead of their answers. Nobody who means well comes near. */
const pipelinedMax = 1_000;
/** What part of all connections is closed at a time, for as many new ones. */
const roomPart = 0.05;
const tellEveryMs = 60_000;
/** What the kernel keeps for a client that does not read, as far as it has not been sent yet. */
const unsentBytesMax = 64 * 1024;

export type GatewayServer = {
  server: Server;
  /**
   * Stops accepting, tells each client with its next answer to take another connection, and ends those that nobody who heeds what
   * it was told will ask on any more. Resolves when all are gone or their time is up.
   */
  drain: () => Promise<void>;
};

/**
 * Node's HTTP server, bounded: a client may be slow, silent or mad, and costs no more than its connection, its request and
 * one chunk.
 */
export function createGatewayServer(options: ServerOptions): GatewayServer {
  const {listener, waiting, clientTimeoutMs, connectionsMax = connectionsOf(descriptorLimit()), tls, log} = options;
  const {idleMs = idleMsOfClients} = options;
  const settings = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: idleMs,
    keepAliveTimeoutBuffer: idleMsBeyond,
    connectionsCheckingInterval: checkEveryMs,
    noDelay: true,
  };
  const server = tls
    ? createTlsServer({...settings, ...tls, handshakeTimeout: headersTimeoutMs})
    : createServer(settings);
  // A client that has said all that it has to say still hears its answer. Node has no option for it.
  Object.assign(server, {httpAllowHalfOpen: true});
  const room = new Room({waiting, connectionsMax, log});
  const ahead = new WeakMap<Socket, number>();
  const underWay = new Set<ServerResponse>();
  let isLeaving = false;

  server.on('connection', socket => room.enter(socket));
  // With TLS, what asks is another object than what has connected.
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    socket.allowHalfOpen = true; // not before: who hangs up without a word of TLS would stay until his time is up
    room.mayAsk(socket);
  });
  server.on('request', (incoming, outgoing) => {
    const {socket} = incoming;
    outgoing.shouldKeepAlive &&= !isLeaving;
    underWay.add(outgoing);
    room.asks(socket);
    outgoing.once('close', () => {
      underWay.delete(outgoing);
      room.isAnswered(socket);
    });
    outgoing.setTimeout(clientTimeoutMs, () => {
      if (!outgoing.headersSent && incoming.complete) return; // it waits for us
      log.debug({client: socket.remoteAddress, path: pathOf(incoming)}, 'a client made no progress');
      breakOff(outgoing);
    });
    if (outgoing.socket) return void listener(incoming, outgoing);
    // Sent before the answer to an earlier request was complete. It is begun after that, so that only one costs memory.
    const count = (ahead.get(socket) ?? 0) + 1;
    ahead.set(socket, count);
    if (count > pipelinedMax) return void socket.destroy();
    outgoing.once('socket', () => {
      ahead.set(socket, ahead.get(socket)! - 1);
      setImmediate(() => {
        if (!outgoing.destroyed) listener(incoming, outgoing);
      });
    });
  });
  const drain = async () => {
    isLeaving = true;
    for (const outgoing of underWay) outgoing.shouldKeepAlive = false; // heads that were sent stay as they are
    const closed = once(server, 'close');
    // Only stops accepting; http's own close would end idle connections that a request is already on its way to.
    NetServer.prototype.close.call(server);
    const looks = setInterval(() => room.closeIdle(idleMs), closeIdleEveryMs);
    const deadline = setTimeout(() => server.closeAllConnections(), drainMs);
    await closed;
    clearInterval(looks);
    clearTimeout(deadline);
  };
  return {server, drain};
}

/** Accepts connections of a listening socket. `descriptor` is given away: it is closed with the server. */
export async function listenOn(server: Server, descriptor: number): Promise<void> {
  limitUnsent(descriptor, unsentBytesMax);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({fd: descriptor}, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Some descriptors are for stores, for engines and for what is opened in passing. */
function connectionsOf(descriptors: number): number {
  return Math.max(16, Math.floor(descriptors * 0.9) - 64);
}

/** Node raises it to what the system allows when it starts. */
function descriptorLimit(): number {
  return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);
}

/** Without what stands behind the `?`. */
function pathOf({url = ''}: IncomingMessage): string {
  return url.split('?', 1)[0]!;
}

/**
 * Keeps some descriptors free. Where there are none left a new connection is lost, while others that do nothing could have
 * made room for it.
 */
class Room {
  readonly #waiting: WaitingClients;
  readonly #connectionsMax: number;
  readonly #log: Log;
  /** Connections on which nothing is asked, since when, and whether nothing ever was; the one that is idle for longest first. */
  readonly #idle = new Map<Socket, {since: number; isNew: boolean}>();
  /** Requests that are not answered yet, where there are any. */
  readonly #asked = new WeakMap<Socket, number>();
  #connections = 0;
  #arrivals = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor({waiting, connectionsMax, log}: {waiting: WaitingClients; connectionsMax: number; log: Log}) {
    this.#waiting = waiting;
    this.#connectionsMax = connectionsMax;
    this.#log = log;
  }

  enter(socket: Socket): void {
    this.#connections++;
    socket.once('close', () => this.#connections--);
    if (this.#connections < this.#connectionsMax) return;
    const some = Math.ceil(this.#connectionsMax * roomPart);
    if (this.#arrivals++ % some === 0) this.#make(some);
  }

  mayAsk(socket: Socket): void {
    this.#idle.set(socket, {since: performance.now(), isNew: true});
    socket.once('close', () => this.#idle.delete(socket));
  }

  asks(socket: Socket): void {
    this.#asked.set(socket, (this.#asked.get(socket) ?? 0) + 1);
    this.#idle.delete(socket);
  }

  isAnswered(socket: Socket): void {
    const left = this.#asked.get(socket)! - 1;
    this.#asked.set(socket, left);
    if (left === 0 && !socket.destroyed) this.#idle.set(socket, {since: performance.now(), isNew: false});
  }

  /** Those that are idle for at least so long. */
  closeIdle(idleMs: number): void {
    const now = performance.now();
    for (const [socket, {since}] of this.#idle) {
      if (now - since < idleMs) return;
      this.#close(socket);
    }
  }

  #close(socket: Socket): void {
    this.#idle.delete(socket);
    socket.destroy();
  }

  /** Not of those that were accepted just now and have not asked yet. */
  #make(some: number): void {
    let closed = 0;
    for (const [socket, {isNew}] of this.#idle) {
      if (closed === some) break;
      if (isNew) continue;
      this.#close(socket);
      closed++;
    }
    const brokenOff = this.#waiting.breakOff(some - closed);
    const now = performance.now();
    if (now - this.#toldAt < tellEveryMs) return;
    this.#toldAt = now;
    const connections = this.#connections;
    this.#log.warn({connections, closed, brokenOff}, 'as many connections as there may be; some made room');
  }
}
