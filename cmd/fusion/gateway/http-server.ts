import {readFileSync} from 'node:fs';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import {createServer as createTlsServer} from 'node:https';
import type {Socket} from 'node:net';
import type {Log} from '../../../core/log/log.ts';
import {limitUnsent} from '../../unsent-limit.ts';
import type {WaitingClients} from './waiting-clients.ts';

export type ServerOptions = {
  /** What answers a request; must not throw or reject. */
  listener: (incoming: IncomingMessage, outgoing: ServerResponse) => unknown;
  waiting: WaitingClients;
  /** Who neither sends what is missing of its request nor takes anything of its answer for this long is disconnected. */
  clientTimeoutMs: number;
  /** From here on, the connections that are idle for longest, and then those of stalled clients, are closed for new ones. */
  connectionsMax?: number;
  /** PEM; without it plain HTTP is spoken. */
  tls?: {cert: string; key: string} | undefined;
  log: Log;
};

/** Head and body of a request as a whole; the largest batch over a slow line takes minutes. */
const headersTimeoutMs = 20_000;
const requestTimeoutMs = 300_000;
const checkEveryMs = 5_000;
/** Longer than clients usually keep an idle connection, so that it is they who close it and no request meets a closed one. */
const keepAliveTimeoutMs = 65_000;
/** Requests that one connection sent ahead of their answers. Nobody who means well comes near. */
const pipelinedMax = 1_000;
/** What part of all connections is closed at a time, for as many new ones. */
const roomPart = 0.05;
const tellEveryMs = 60_000;
/** What the kernel keeps for a client that does not read, as far as it has not been sent yet. */
const unsentBytesMax = 64 * 1024;

/**
 * Node's HTTP server, bounded: a client may be slow, silent or mad, and costs no more than its connection, its request and
 * one chunk.
 */
export function createGatewayServer(options: ServerOptions): Server {
  const {listener, waiting, clientTimeoutMs, connectionsMax = connectionsOf(descriptorLimit()), tls, log} = options;
  const settings = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
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

  server.on('connection', socket => room.enter(socket));
  // What asks is another object than what has connected.
  server.on('secureConnection', socket => socket.once('close', () => room.leave(socket)));
  server.on('request', (incoming, outgoing) => {
    const {socket} = incoming;
    room.asks(socket);
    outgoing.once('close', () => room.isAnswered(socket));
    outgoing.setTimeout(clientTimeoutMs, () => {
      if (!outgoing.headersSent && incoming.complete) return; // it waits for us
      log.debug({client: socket.remoteAddress, path: pathOf(incoming)}, 'a client made no progress');
      outgoing.destroy();
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
  return server;
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
  /** Connections that were answered and are kept, the one that does nothing for longest first. */
  readonly #idle = new Set<Socket>();
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
    socket.once('close', () => {
      this.#connections--;
      this.#idle.delete(socket);
    });
    if (this.#connections < this.#connectionsMax) return;
    const some = Math.ceil(this.#connectionsMax * roomPart);
    if (this.#arrivals++ % some === 0) this.#make(some);
  }

  leave(socket: Socket): void {
    this.#idle.delete(socket);
  }

  asks(socket: Socket): void {
    this.#idle.delete(socket);
  }

  isAnswered(socket: Socket): void {
    if (!socket.destroyed) this.#idle.add(socket);
  }

  /** Not `closeIdleConnections`: that closes also those that were accepted just now and have not asked yet. */
  #make(some: number): void {
    let closed = 0;
    for (const socket of this.#idle) {
      if (closed === some) break;
      this.#idle.delete(socket);
      socket.destroy();
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
