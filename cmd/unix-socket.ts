import {closeSync, mkdirSync, openSync, rmSync} from 'node:fs';
import {Agent, type IncomingHttpHeaders, request} from 'node:http';
import {createConnection, type Server} from 'node:net';
import {basename, dirname, join} from 'node:path';
import type {Duplex} from 'node:stream';
import {pathBytesMax} from './unix-address.ts';

/**
 * Listens on a unix socket that only this user may connect to. A socket that a killed process left behind is replaced:
 * whoever listens here has made sure that it is the only one (by a lock or as a supervised child).
 */
export async function listenUnix(server: Server, path: string): Promise<void> {
  mkdirSync(dirname(path), {recursive: true, mode: 0o700});
  rmSync(path, {force: true});
  const alias = shortAlias(path);
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(alias.path, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } finally {
    process.umask(mask);
  }
  server.once('close', () => {
    alias.release();
    rmSync(path, {force: true});
  });
}

export type UnixRequest = {
  socket: string;
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array | undefined;
  timeoutMs: number;
  signal?: AbortSignal;
};

export type UnixResponse = {status: number; headers: IncomingHttpHeaders; body: Buffer};

/** One request over a unix socket, connections kept for the next. Rejects with the system's error when nobody answers. */
export function requestUnix({
  socket,
  method,
  path,
  headers,
  body,
  timeoutMs,
  signal,
}: UnixRequest): Promise<UnixResponse> {
  const timeout = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent: agentOf(socket),
        method,
        path,
        headers: {...headers, host: 'localhost', 'content-length': String(body?.byteLength ?? 0)},
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      },
      response => {
        const chunks: Buffer[] = [];
        response.on('data', chunk => chunks.push(chunk));
        response.on('end', () =>
          resolve({status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks)}),
        );
        response.on('error', reject);
      },
    );
    sent.on('error', error => reject(timeout.aborted ? timeout.reason : error));
    sent.end(body);
  });
}

const agents = new Map<string, Agent>();

function agentOf(socket: string): Agent {
  const known = agents.get(socket);
  if (known) return known;
  const agent = new UnixAgent(socket);
  agents.set(socket, agent);
  return agent;
}

class UnixAgent extends Agent {
  readonly #path: string;

  constructor(path: string) {
    // As many as there are pipes: each may hold one.
    super({keepAlive: true, maxSockets: Number.POSITIVE_INFINITY});
    this.#path = path;
  }

  override createConnection(): Duplex {
    const alias = shortAlias(this.#path);
    const connection = createConnection({path: alias.path});
    connection.once('connect', alias.release).once('error', alias.release);
    return connection;
  }
}

/** Another name of a path that is too long for a socket, through a descriptor of its directory; valid until `release`. */
export function shortAlias(path: string): {path: string; release: () => void} {
  if (Buffer.byteLength(path) <= pathBytesMax) return {path, release: () => {}};
  let descriptor: number | undefined = openSync(dirname(path), 'r');
  return {
    path: join('/proc/self/fd', String(descriptor), basename(path)),
    release: () => {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}
