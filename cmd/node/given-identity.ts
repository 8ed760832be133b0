import {createPublicKey} from 'node:crypto';
import {join} from 'node:path';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {type TrustedKey, trustedKey} from '../../core/manifest/signature.ts';
import {type Backoff, backoffMs} from '../../core/pipe/backoff.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {Clock} from '../../core/time/clock.ts';
import {readIfThere, writeDurably} from './durable-file.ts';
import {parseJson, refusalOf, type Way} from './http-way.ts';
import type {NodeIdentity, TlsMaterial} from './identity.ts';

const answerMs = 10_000;
const retry: Backoff = {minMs: 500, maxMs: 30_000};

/** The token that the node was given. The controller's key is learnt at the first contact, and no other one counts afterwards. */
export class GivenIdentity implements NodeIdentity {
  readonly #token: string;
  readonly #file: string;
  readonly #parts: {way: Way; clock: Clock; random: () => number};
  #trusted: readonly TrustedKey[] = [];
  #problem: string | undefined;
  readonly changed = new Signal();

  constructor(
    {token, directory}: {token: string; directory: string},
    parts: {way: Way; clock: Clock; random: () => number},
  ) {
    this.#token = token;
    this.#file = join(directory, 'trusted-key.pem');
    this.#parts = parts;
    this.#read();
  }

  token(): string {
    return this.#token;
  }

  tls(): TlsMaterial {
    return {};
  }

  trusted(): readonly TrustedKey[] {
    return this.#trusted;
  }

  problem(): string | undefined {
    return this.#problem;
  }

  async run(signal: AbortSignal): Promise<void> {
    const {clock, random} = this.#parts;
    for (let attempt = 0; !signal.aborted && this.#trusted.length === 0; attempt++) {
      try {
        await this.#learn(signal);
        this.#problem = undefined;
        this.changed.raise();
      } catch (error) {
        this.#problem = error instanceof Error ? error.message : String(error);
        await clock.sleep(backoffMs(retry, attempt, random()), signal);
      }
    }
  }

  async #learn(signal: AbortSignal): Promise<void> {
    const {way} = this.#parts;
    const asked = {method: 'GET', path: '/api/v1/control/trust', answerBytesMax: 2 ** 16} as const;
    const headers = {authorization: `Bearer ${this.#token}`};
    const answer = await way.ask({...asked, headers, timeoutMs: answerMs, signal});
    const {data} = parseJson(answer.bytes) as {data?: {signing_keys?: unknown}};
    const [pem] = Array.isArray(data?.signing_keys) ? data.signing_keys : [];
    if (answer.status !== 200 || typeof pem !== 'string') throw refusalOf(way.name, answer);
    const trusted = keysOf(pem, way.name);
    writeDurably(this.#file, pem);
    this.#trusted = trusted;
  }

  /** A damaged file is not overwritten: who can damage it could have another key believed. */
  #read(): void {
    try {
      const text = readIfThere(this.#file)?.toString();
      if (text !== undefined) this.#trusted = keysOf(text, this.#file);
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
    }
  }
}

function keysOf(pem: string, where: string): TrustedKey[] {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return [trustedKey(key)];
  } catch {
    // told below
  }
  throw new FustorError('MANIFEST_REFUSED', `No manifest can be verified: ${where} has no public key of a controller.`);
}
