import {dlopen} from 'node:ffi';
import {BoundSocket} from 'node:net';

/**
 * A listening socket that nobody accepts from here, as systemd holds it: connections wait in it while a service is being
 * started again. `net.Server` would accept them.
 */
export class HeldSocket {
  readonly #socket: BoundSocket;

  constructor(port: number) {
    this.#socket = new BoundSocket({host: '127.0.0.1', port});
    const {functions} = dlopen('libc.so.6', {listen: {arguments: ['i32', 'i32'], return: 'i32'}});
    if (functions.listen(this.descriptor, 4096) !== 0) throw new Error(`cannot listen on port ${port}`);
  }

  get descriptor(): number {
    return this.#socket.fd();
  }

  close(): void {
    this.#socket.close();
  }
}
