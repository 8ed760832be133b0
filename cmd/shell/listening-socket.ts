import {lookup} from 'node:dns/promises';
import {closeSync} from 'node:fs';
import {BoundSocket} from 'node:net';
import type {ListenAddress} from '../../core/config/schema.ts';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import type {Log} from '../../core/log/log.ts';
import {setCloseOnExec} from '../libc.ts';
import {socketFacts} from '../socket-facts.ts';
import {inheritedSockets} from '../systemd/listen-fds.ts';
import {receiveDescriptor} from './pass-descriptor.ts';

/** A bound socket on which this process accepts nothing; whoever inherits its descriptor does. */
export type ListeningSocket = {descriptor: number; url: string; close(): void};

/** In the environment of a shell that executed itself again: the descriptor that it kept. */
export const keptVariable = 'FUSTOR_LISTEN_FD';

const receiveTimeoutMs = 200;

/**
 * The socket on this address, without a moment at which nobody holds it: what this process had before it executed itself
 * again, what systemd hands over, what a gateway of an earlier shell still has (`handedOnAt`: where gateways may be asked for
 * it), and only then a new one. Throws LISTEN_FAILED.
 */
export async function obtainSocket(
  listen: ListenAddress,
  {handedOnAt, log}: {handedOnAt: readonly string[]; log: Log},
): Promise<ListeningSocket> {
  const kept = process.env[keptVariable];
  delete process.env[keptVariable];
  if (kept !== undefined) return fromDescriptor(Number(kept));
  const [inherited] = inheritedSockets(process.env, process.pid);
  if (inherited) {
    const socket = fromDescriptor(inherited.fd);
    log.info({url: socket.url}, 'takes the socket of systemd');
    return socket;
  }
  const address = await resolved(listen);
  for (const path of handedOnAt) {
    const descriptor = receiveDescriptor(path, {timeoutMs: receiveTimeoutMs});
    if (descriptor === undefined) continue;
    const socket = fromDescriptor(descriptor);
    if (isOn(descriptor, address)) {
      log.info({url: socket.url}, 'takes the socket of a gateway that still runs');
      return socket;
    }
    socket.close();
  }
  return bind(listen, address);
}

export async function bindSocket(listen: ListenAddress): Promise<ListeningSocket> {
  return bind(listen, await resolved(listen));
}

function fromDescriptor(descriptor: number): ListeningSocket {
  const facts = socketFacts(descriptor);
  if (facts?.kind !== 'tcp') {
    throw new FustorError(
      'LISTEN_FAILED',
      `Descriptor ${descriptor}, which was handed over to listen on, is no TCP socket.`,
    );
  }
  // One that was kept across an execution of this shell would go to every child.
  setCloseOnExec(descriptor, true);
  return {descriptor, url: urlOf(facts.host, facts.port), close: () => closeSync(descriptor)};
}

function isOn(descriptor: number, {host, port}: ListenAddress): boolean {
  const facts = socketFacts(descriptor);
  return facts?.kind === 'tcp' && facts.host === host && (port === 0 || facts.port === port);
}

async function resolved({host, port}: ListenAddress): Promise<ListenAddress> {
  try {
    const {address} = await lookup(host);
    return {host: address, port};
  } catch (cause) {
    throw listenFailed({host, port}, cause);
  }
}

function bind(listen: ListenAddress, {host, port}: ListenAddress): ListeningSocket {
  try {
    const socket = new BoundSocket({host, port});
    const bound = socket.address() as {address: string; port: number};
    return {descriptor: socket.fd(), url: urlOf(bound.address, bound.port), close: () => socket.close()};
  } catch (cause) {
    throw listenFailed(listen, cause);
  }
}

export function urlOf(address: string, port: number, scheme: 'http' | 'https' = 'http'): string {
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

const reasons: Record<string, string> = {
  EADDRINUSE: 'another process listens there',
  EADDRNOTAVAIL: 'it is not an address of this host',
  EACCES: 'this user may not listen on this port',
  ENOTFOUND: 'the name is not known',
};

export function listenFailed({host, port}: ListenAddress, cause: unknown): FustorError {
  const code = systemErrorCode(cause) ?? String(cause);
  return new FustorError('LISTEN_FAILED', `Cannot listen on ${host}:${port}: ${reasons[code] ?? code}.`, {
    cause,
    hint: 'Choose another "listen" in the configuration, or stop what listens there ("ss -ltnp" tells).',
  });
}
