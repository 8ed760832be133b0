import {once} from 'node:events';
import {Agent, type IncomingMessage, request} from 'node:http';
import {text} from 'node:stream/consumers';

/** One client that asks one thing after another over one connection, as a script does that asks often. */
export class KeptConnection {
  readonly #agent = new Agent({keepAlive: true, maxSockets: 1});
  readonly #headers: Record<string, string>;

  constructor(headers: Record<string, string>) {
    this.#headers = headers;
  }

  /** The body, and the milliseconds until all of it had come. */
  async ask(url: string): Promise<{body: string; ms: number}> {
    const startedAt = performance.now();
    const asked = request(url, {agent: this.#agent, headers: this.#headers}).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const body = await text(response);
    if (response.statusCode !== 200) throw new Error(`${url} was answered ${response.statusCode}: ${body}`);
    return {body, ms: performance.now() - startedAt};
  }

  close(): void {
    this.#agent.destroy();
  }
}
