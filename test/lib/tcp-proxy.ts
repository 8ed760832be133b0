import {once} from 'node:events';
import {connect, createServer, type Server, type Socket} from 'node:net';

/** A way to a server on this host that can be cut, as a network can. */
export class TcpProxy {
  readonly #port: number;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isHeld = false;
  #delayMs = 0;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer(client => this.#connect(client));
  }

  /** To a port of this host. */
  static async to(port: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(port);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as {port: number}).port}`;
  }

  /** Every packet comes so much later. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Nothing gets through any more, and nobody is told. */
  hold(): void {
    this.#isHeld = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  /** What was sent meanwhile arrives now, as TCP sends again what was not confirmed. */
  release(): void {
    this.#isHeld = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  /** Every connection breaks, and with it what was on its way. New ones can be made. */
  reset(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  async dispose(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.reset();
    await closed;
  }

  #connect(client: Socket): void {
    const server = connect(this.#port, '127.0.0.1');
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    this.#pass(client, server);
    this.#pass(server, client);
    const onClose = () => {
      this.#pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) socket.on('error', onClose).on('close', onClose);
  }

  #pass(from: Socket, to: Socket): void {
    from.on('data', bytes => this.#later(() => to.write(bytes)));
    from.on('end', () => this.#later(() => to.end()));
    if (this.#isHeld) from.pause();
  }

  #later(send: () => void): void {
    if (this.#delayMs === 0) send();
    else setTimeout(send, this.#delayMs);
  }
}
