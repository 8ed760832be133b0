import {getRawPointer} from 'node:ffi';
import {renameSync, rmSync, statSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import {errorName, libc} from '../libc.ts';
import {unixAddress} from '../unix-address.ts';
import {listenUnix, shortAlias} from '../unix-socket.ts';

/**
 * Hands a descriptor to whoever connects to this socket, which only this user may. So a shell that lost its listening socket
 * by a `kill -9` gets it back from a gateway that has it still.
 *
 * A later server may take the path over while this one runs: the path always leads to a server, and to the newest.
 * Does not keep the process alive. Close the server to end it.
 */
export async function serveDescriptor(descriptor: number, path: string): Promise<Server> {
  const server = createServer(connection => {
    connection.on('error', () => {}); // it went away: it asks again, or somebody else
    const connected = descriptorOf(connection);
    if (connected !== undefined) sendDescriptor(connected, descriptor);
    connection.end().resume();
  });
  const unfinished = `${path}.${process.pid}`;
  await listenUnix(server, unfinished);
  const isOurs = isSameFile(unfinished);
  renameSync(unfinished, path);
  server.once('close', () => {
    if (isOurs(path)) rmSync(path, {force: true});
  });
  return server.unref();
}

/** Sends one byte with a descriptor over a connected unix socket. False when it cannot be sent, or not at once. */
export function sendDescriptor(connection: number, descriptor: number): boolean {
  return libc().sendmsg(connection, message(descriptor), messageFlags.doNotWait | messageFlags.noSignal) === 1n;
}

/**
 * The descriptor that a server of `serveDescriptor` hands out, closed on exec; undefined when nobody answers there in time.
 * It blocks the whole process for as long as that takes, `timeoutMs` at most: the server must be another process.
 */
export function receiveDescriptor(socketPath: string, {timeoutMs = 200} = {}): number | undefined {
  const deadline = performance.now() + timeoutMs;
  const connection = libc().socket(familyUnix, streamSocket, 0);
  if (connection < 0) return undefined;
  try {
    return connectTo(connection, socketPath, deadline) ? receiveFrom(connection, deadline) : undefined;
  } finally {
    libc().close(connection);
  }
}

const familyUnix = 1;
/** SOCK_STREAM | SOCK_CLOEXEC */
const streamSocket = 1 | 0o2000000;
const levelSocket = 1;
const optionsOfTimeouts = {receive: 20, send: 21} as const;
const passRights = 1;
const messageFlags = {doNotWait: 0x40, noSignal: 0x4000, closeOnExec: 0x4000_0000} as const;

/** As a `struct timeval`; all zero would mean forever. */
function setTimeouts(connection: number, timeoutMs: number): void {
  const microseconds = Math.ceil(timeoutMs * 1_000);
  const time = Buffer.alloc(16);
  time.writeBigInt64LE(BigInt(Math.floor(microseconds / 1e6)), 0);
  time.writeBigInt64LE(BigInt(microseconds % 1e6), 8);
  for (const option of Object.values(optionsOfTimeouts)) {
    libc().setsockopt(connection, levelSocket, option, time, time.length);
  }
}

function connectTo(connection: number, path: string, deadline: number): boolean {
  let alias: ReturnType<typeof shortAlias> | undefined;
  try {
    alias = shortAlias(path);
    const address = unixAddress(alias.path);
    if (!address) return false;
    return inTime(connection, deadline, () => libc().connect(connection, address, address.length)) === 0;
  } catch {
    return false; // not even its folder is there
  } finally {
    alias?.release();
  }
}

function receiveFrom(connection: number, deadline: number): number | undefined {
  const received = message();
  const length = inTime(connection, deadline, () =>
    Number(libc().recvmsg(connection, received, messageFlags.closeOnExec)),
  );
  const hasDescriptor =
    length === 1 &&
    received.readBigUInt64LE(layout.controlLength) === controlBytes &&
    received.readInt32LE(layout.control + 8) === levelSocket &&
    received.readInt32LE(layout.control + 12) === passRights;
  return hasDescriptor ? received.readInt32LE(layout.control + 16) : undefined;
}

/** Makes a blocking call with the time that is left; again when a signal, of a child that died, say, has interrupted it. */
function inTime(connection: number, deadline: number, call: () => number): number {
  for (;;) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return -1;
    setTimeouts(connection, leftMs);
    const result = call();
    if (result >= 0 || errorName() !== 'EINTR') return result;
  }
}

/**
 * Where the parts of a message are in one piece of memory: `struct msghdr` (56 bytes), one `struct iovec`, the byte that it
 * points to, and a `struct cmsghdr` with one descriptor: length, level, type, number.
 */
const layout = {
  vector: 16,
  vectorCount: 24,
  controlStart: 32,
  controlLength: 40,
  iovec: 56,
  byte: 72,
  control: 80,
} as const;
const messageBytes = 112;
/** `CMSG_LEN(4)`, without what `CMSG_SPACE` adds: that would be room for a second descriptor that nobody closes. */
const controlBytes = 20n;

/** A message that carries a descriptor, or has room for one. */
function message(descriptor = 0): Buffer {
  const memory = Buffer.alloc(messageBytes);
  const start = getRawPointer(memory);
  memory.writeBigUInt64LE(start + BigInt(layout.iovec), layout.vector);
  memory.writeBigUInt64LE(1n, layout.vectorCount);
  memory.writeBigUInt64LE(start + BigInt(layout.control), layout.controlStart);
  memory.writeBigUInt64LE(controlBytes, layout.controlLength);
  memory.writeBigUInt64LE(start + BigInt(layout.byte), layout.iovec);
  memory.writeBigUInt64LE(1n, layout.iovec + 8);
  memory.writeBigUInt64LE(controlBytes, layout.control);
  memory.writeInt32LE(levelSocket, layout.control + 8);
  memory.writeInt32LE(passRights, layout.control + 12);
  memory.writeInt32LE(descriptor, layout.control + 16);
  return memory;
}

/** Node keeps the number to itself; `undefined` when the connection is closed already. */
function descriptorOf(connection: Socket): number | undefined {
  const {_handle: handle} = connection as Socket & {_handle?: {fd?: number} | null};
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}

function isSameFile(path: string): (other: string) => boolean {
  const {dev, ino} = statSync(path);
  return other => {
    const found = statSync(other, {throwIfNoEntry: false});
    return found?.dev === dev && found.ino === ino;
  };
}
