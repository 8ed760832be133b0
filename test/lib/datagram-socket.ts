import {dlopen} from 'node:ffi';
import {unixAddress} from '../../cmd/unix-address.ts';
import {until} from './until.ts';

/** SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK */
const datagramSocket = 2 | 0o2000000 | 0o4000;
const messageBytesMax = 4_096;

/** A unix datagram socket that receives, as systemd's does; Node has none. */
export class DatagramSocket {
  readonly #libc = dlopen('libc.so.6', {
    socket: {arguments: ['i32', 'i32', 'i32'], return: 'i32'},
    bind: {arguments: ['i32', 'pointer', 'u32'], return: 'i32'},
    recv: {arguments: ['i32', 'pointer', 'u64', 'i32'], return: 'i64'},
    close: {arguments: ['i32'], return: 'i32'},
  });
  readonly #descriptor: number;

  /** A path, or an abstract name that begins with "@". */
  constructor(name: string) {
    const {socket, bind} = this.#libc.functions;
    this.#descriptor = socket(1, datagramSocket, 0);
    const address = unixAddress(name)!;
    if (bind(this.#descriptor, address, address.length) !== 0) throw new Error(`Cannot bind ${name}.`);
  }

  /** Undefined when there is none. */
  receive(): string | undefined {
    const memory = Buffer.alloc(messageBytesMax);
    const length = Number(this.#libc.functions.recv(this.#descriptor, memory, BigInt(memory.length), 0));
    return length < 0 ? undefined : memory.toString('utf8', 0, length);
  }

  next(): Promise<string> {
    return until(() => this.receive(), {what: 'a message'});
  }

  [Symbol.dispose](): void {
    this.#libc.functions.close(this.#descriptor);
    this.#libc[Symbol.dispose]();
  }
}
