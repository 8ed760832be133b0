import {once} from 'node:events';
import {connect, type Socket} from 'node:net';

/** A GET as bytes. `headers` end with line breaks. */
export function getRequest(path: string, headers: Record<string, string>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}\r\n`;
}

/** A kept connection on plain sockets: Node's own HTTP client costs more than the servers that are measured. */
export class Connection {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect(port, '127.0.0.1').setNoDelay();
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** Resolves with the last byte of an answer that has a Content-Length, or is a 304, to the bytes of its body. */
  ask(request: string): Promise<number> {
    return new Promise((resolve, reject) => {
      let missing = -1;
      let length = 0;
      const fail = (what: string) => reject(new Error(what));
      const take = (chunk: Buffer) => {
        if (missing === -1) {
          const head = chunk.toString('latin1');
          const [, status, text] = /^HTTP\/1\.1 (200|304) (?:.*?\r\ncontent-length: (\d+)\r\n)?/is.exec(head) ?? [];
          if (status === undefined || (status === '200' && text === undefined))
            return fail(`not an answer: ${head.slice(0, 300)}`);
          length = status === '304' ? 0 : Number(text);
          missing = head.indexOf('\r\n\r\n') + 4 + length;
        }
        missing -= chunk.length;
        if (missing > 0) return;
        this.#socket.off('data', take).off('error', reject).off('close', closed);
        resolve(length);
      };
      const closed = () => fail('the connection was closed');
      this.#socket.on('data', take).once('error', reject).once('close', closed).write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
