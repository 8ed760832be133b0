import {dlopen, getRawPointer} from 'node:ffi';

const ipprotoTcp = 6;
/** `TCP_NOTSENT_LOWAT` of linux/tcp.h. */
const tcpNotSentLowat = 25;

/**
 * How much of what was written, and could not be sent yet, the kernel takes for a TCP connection; those that a listening
 * socket accepts inherit it. Without it a client that reads nothing makes the kernel keep megabytes for it. What is on its
 * way is not counted, so it costs no speed on long lines. False where the kernel does not know it.
 */
export function limitUnsent(descriptor: number, bytes: number): boolean {
  const value = Buffer.alloc(4);
  value.writeInt32LE(bytes);
  using libc = dlopen('libc.so.6', {
    setsockopt: {arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'], return: 'i32'},
  });
  const {setsockopt} = libc.functions;
  return setsockopt(descriptor, ipprotoTcp, tcpNotSentLowat, getRawPointer(value), value.byteLength) === 0;
}
