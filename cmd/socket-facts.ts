import {SocketAddress} from 'node:net';
import {libc} from './libc.ts';

export type SocketFacts =
  /** `other`: any descriptor that is not a TCP socket. `isListening`: `listen` has been called on it, by whomever. */
  {kind: 'tcp'; host: string; port: number; isListening: boolean} | {kind: 'other'};

const levelSocket = 1;
const socketOptions = {type: 3, isListening: 30, protocol: 38} as const;
const typeStream = 1;
const protocolTcp = 6;
const familyIpv4 = 2;
const familyIpv6 = 10;
const addressBytesMax = 128;
const getDescriptorFlags = 1;

/** What is behind a descriptor that somebody else has made. Undefined when it is not open. */
export function socketFacts(descriptor: number): SocketFacts | undefined {
  if (libc().fcntl(descriptor, getDescriptorFlags, 0) < 0) return undefined;
  const isTcp =
    option(descriptor, socketOptions.type) === typeStream && option(descriptor, socketOptions.protocol) === protocolTcp;
  const address = isTcp ? addressOf(descriptor) : undefined;
  if (!address) return {kind: 'other'};
  return {kind: 'tcp', ...address, isListening: option(descriptor, socketOptions.isListening) === 1};
}

function option(descriptor: number, name: number): number | undefined {
  const value = Buffer.alloc(4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  const {getsockopt} = libc();
  return getsockopt(descriptor, levelSocket, name, value, length) === 0 ? value.readInt32LE() : undefined;
}

/** Reads a `sockaddr_in` or `sockaddr_in6`: family, port (big endian), then 4 bytes, or 4 of flow and 16 of address. */
function addressOf(descriptor: number): {host: string; port: number} | undefined {
  const address = Buffer.alloc(addressBytesMax);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  if (libc().getsockname(descriptor, address, length) !== 0) return undefined;
  const family = address.readUInt16LE(0);
  const port = address.readUInt16BE(2);
  if (family === familyIpv4) return {host: address.subarray(4, 8).join('.'), port};
  if (family !== familyIpv6) return undefined;
  const groups = Array.from({length: 8}, (_, index) => address.readUInt16BE(8 + 2 * index).toString(16));
  return {host: new SocketAddress({address: groups.join(':'), family: 'ipv6'}).address, port};
}
