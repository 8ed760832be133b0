import {once} from 'node:events';
import {connect, type Socket} from 'node:net';
import {until} from './until.ts';

export type RawAnswer = {status: number; headers: Record<string, string>; body: string};

/** A connection on which a test writes what it likes, and reads answers when it likes. */
export class RawClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  /** The other side has ended it. */
  isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on('error', () => {});
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.isClosed = true;
      });
    }
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({port, host: '127.0.0.1', allowHalfOpen: true});
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  get receivedBytes(): number {
    return this.#received.byteLength;
  }

  write(text: string | Uint8Array): this {
    this.socket.write(text);
    return this;
  }

  /** The next answer, read whole; to HEAD one has no body. */
  async answer({toHead = false}: {toHead?: boolean} = {}): Promise<RawAnswer> {
    return until(() => this.#take(toHead), {what: 'an answer', everyMs: 2});
  }

  #take(toHead: boolean): RawAnswer | undefined {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return undefined;
    const [first = '', ...lines] = this.#received.toString('latin1', 0, headEnd).split('\r\n');
    const headers = Object.fromEntries(lines.map(line => line.toLowerCase().split(': ', 2) as [string, string]));
    const begin = headEnd + 4;
    const isChunked = headers['transfer-encoding'] === 'chunked' && !toHead;
    const read = isChunked
      ? this.#chunks(begin)
      : this.#bytes(begin, toHead ? 0 : Number(headers['content-length'] ?? 0));
    if (!read) return undefined;
    this.#received = this.#received.subarray(read.end);
    return {status: Number(first.split(' ')[1]), headers, body: read.body};
  }

  #bytes(begin: number, length: number): {body: string; end: number} | undefined {
    const end = begin + length;
    return this.#received.byteLength < end ? undefined : {body: this.#received.toString('utf8', begin, end), end};
  }

  #chunks(begin: number): {body: string; end: number} | undefined {
    const parts: Buffer[] = [];
    for (let at = begin; ; ) {
      const lineEnd = this.#received.indexOf('\r\n', at);
      if (lineEnd === -1) return undefined;
      const length = Number.parseInt(this.#received.toString('latin1', at, lineEnd), 16);
      const end = lineEnd + 2 + length;
      if (this.#received.byteLength < end + 2) return undefined;
      if (length === 0) return {body: Buffer.concat(parts).toString(), end: end + 2};
      parts.push(this.#received.subarray(lineEnd + 2, end));
      at = end + 2;
    }
  }
}
