import {Agent, get, type IncomingMessage} from 'node:http';

export const keyHeader = {authorization: 'Bearer key-of-the-scripts'};

export type Answer = {status: number; text: string};

/** What a script waits for: the file is there, and nobody is writing it. */
export function isFinished({status, text}: Answer): boolean {
  return status === 200 && text.includes('"integrity_suspect":false');
}

export function isThere({status}: Answer): boolean {
  return status === 200;
}

export function isGone({status}: Answer): boolean {
  return status === 404;
}

/** A script that asks a fusion, again and again on kept connections. */
export class Asker {
  readonly #agent = new Agent({keepAlive: true});
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Asks until the answer is as it should be. */
  async until(path: string, isWanted: (answer: Answer) => boolean, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const answer = await this.#get(path);
      if (isWanted(answer)) return;
      if (performance.now() > deadline) throw new Error(`${path}: after ${timeoutMs} ms still ${answer.status}.`);
      await new Promise(resolve => setTimeout(resolve, 1));
    }
  }

  /** A connection to `fs/watch`; resolves when it tells what changes. */
  async watch(path: string): Promise<IncomingMessage> {
    const url = `${this.#url}/api/v1/fs/watch?path=${encodeURIComponent(path)}`;
    return new Promise((resolve, reject) => {
      get(url, {agent: false, headers: keyHeader}, answer => {
        if (answer.statusCode !== 200) reject(new Error(`fs/watch answered ${answer.statusCode}.`));
        answer.once('data', () => resolve(answer)); // its first line, and no change yet
      }).on('error', reject);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #get(path: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const url = `${this.#url}/api/v1/fs/tree?max_depth=0&path=${encodeURIComponent(path)}`;
      get(url, {agent: this.#agent, headers: keyHeader}, async answer => {
        resolve({status: answer.statusCode!, text: Buffer.concat(await answer.toArray()).toString()});
      }).on('error', reject);
    });
  }
}
