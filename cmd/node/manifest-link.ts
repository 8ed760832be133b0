import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Log} from '../../core/log/log.ts';
import {decodeManifest, type Manifest, manifestBytesMax, type SignedManifest} from '../../core/manifest/manifest.ts';
import {hashOfSignature} from '../../core/manifest/signature.ts';
import {type Backoff, backoffMs} from '../../core/pipe/backoff.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {Clock} from '../../core/time/clock.ts';
import {refusalOf, type Way} from './http-way.ts';
import type {NodeIdentity} from './identity.ts';
import type {ManifestCache} from './manifest-cache.ts';

export type ManifestLinkParts = {
  node: Pick<Manifest, 'kind' | 'id'>;
  way: Way;
  identity: NodeIdentity;
  cache: ManifestCache;
  clock: Clock;
  random: () => number;
  log: Log;
  /** An answer comes so long after it may have been held at most, to its last byte. */
  answerMs?: number;
};

/** What was accepted last, and where it is from. */
export type Accepted = {manifest: Manifest; signature: string; origin: 'controller' | 'cache'};
/** `isRefused`: there was one, and it does not count. */
export type PullFailure = {hash?: string | undefined; reason: string; at: number; isRefused: boolean};
type Pulled = 'new' | 'same' | 'none' | 'failed';

/** As long as proxies let a request be silent. */
const waitSeconds = 30;
/** Full jitter, from the first attempt on and also at the cap: those who lost one controller together come back one by one. */
const retry: Backoff = {minMs: 1_000, maxMs: 30_000};
/** A controller that knows of no manifest, or that does not hold a question, is not asked all the time. */
const idle: Backoff = {minMs: 2_000, maxMs: 10_000};
const heldMsMin = 1_000;
const quietFailureMs = 3_000;

/**
 * What a node should do, from its controller, by a question that is held until there is something new.
 *
 * 1. Only what a trusted key has signed for this node counts, also from the cache. All else leaves what counts as it is.
 * 2. Nothing that a controller or a network does costs more than questions, a line in the log and the reason in the status.
 */
export class ManifestLink {
  readonly #parts: ManifestLinkParts;
  #accepted: Accepted | undefined;
  #failure: PullFailure | undefined;
  #retryAfterMs: number | undefined;
  #failingSince: number | undefined;
  #warnedOf: string | undefined;
  /** Raised to ask at once. */
  readonly #hurry = new Signal();
  /** Raised when another manifest is accepted. */
  readonly accepts = new Signal();
  /** Raised when the state says something else. */
  readonly changed = new Signal();
  /** Raised after each answer, or when there was none. */
  readonly #asked = new Signal();

  constructor(parts: ManifestLinkParts) {
    this.#parts = parts;
    this.#readCache();
  }

  get accepted(): Accepted | undefined {
    return this.#accepted;
  }

  /** Why the controller's word is not in force; undefined while it is. */
  get failure(): PullFailure | undefined {
    return this.#failure;
  }

  /** Resolves when the controller was asked once more, or when the time is up. */
  async pull(ms: number, signal: AbortSignal): Promise<void> {
    const seen = this.#asked.count;
    this.#hurry.raise();
    await this.#asked.wait(signal, seen, {clock: this.#parts.clock, ms});
  }

  /** The controller has another one, it says elsewhere. */
  hint(signature: string | undefined): void {
    if (signature !== undefined && signature !== this.#accepted?.signature) this.#hurry.raise();
  }

  /** Resolves when `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const {clock, identity, random} = this.#parts;
    let attempt = 0;
    let isUrgent = true;
    while (!signal.aborted) {
      const seen = {hurry: this.#hurry.count, identity: identity.changed.count};
      const askedAt = clock.monotonic();
      const pulled = await this.#unlessOther(until => this.#pull(until, isUrgent), seen, signal);
      if (pulled !== undefined) this.#asked.raise();
      const isAnswered = pulled === 'same' || pulled === 'none';
      const isHeld = clock.monotonic() - askedAt >= heldMsMin;
      const isFine: boolean = pulled === 'new' || (isAnswered && (isUrgent || isHeld));
      isUrgent = !isFine;
      if (isFine) attempt = 0;
      if (isFine || pulled === undefined) continue;
      const ms = backoffMs(pulled === 'failed' ? retry : idle, ++attempt, random(), this.#retryAfterMs);
      await this.#unlessOther(until => clock.sleep(ms, until), seen, signal);
    }
  }

  /** Undefined: it is to be asked at once, or with another identity, so what was done is broken off. */
  async #unlessOther<T>(
    action: (signal: AbortSignal) => Promise<T>,
    seen: {hurry: number; identity: number},
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const other = Promise.race([
      this.#hurry.wait(until, seen.hurry),
      this.#parts.identity.changed.wait(until, seen.identity),
    ]).then(() => undefined);
    const done = action(until);
    const first = await Promise.race([done, other]);
    over.abort();
    await done;
    return first;
  }

  async #pull(signal: AbortSignal, isUrgent: boolean): Promise<Pulled> {
    this.#retryAfterMs = undefined;
    let received: SignedManifest | undefined;
    try {
      const answer = await this.#ask(isUrgent ? 0 : waitSeconds, signal);
      if (answer === 'same') {
        this.#noteAnswer();
        return 'same';
      }
      received = answer;
      this.#accept(received, 'controller');
      this.#noteAnswer();
      return 'new';
    } catch (error) {
      if (signal.aborted) return 'failed';
      if (error instanceof FustorError) this.#retryAfterMs = error.retryAfterMs;
      this.#noteFailure(error, received && hashOfSignature(received.signature));
      return error instanceof FustorError && error.code === 'NOT_FOUND' ? 'none' : 'failed';
    }
  }

  async #ask(wait: number, signal: AbortSignal): Promise<SignedManifest | 'same'> {
    const {way, identity, node, answerMs = 15_000} = this.#parts;
    const token = identity.token();
    if (token === undefined || identity.trusted().length === 0) {
      const problem = identity.problem() ?? 'It has not met its controller yet.';
      throw new FustorError('UNREACHABLE', `No manifest can be fetched or verified: ${problem}`);
    }
    const current = this.#accepted?.signature;
    const query = new URLSearchParams({
      agent_id: node.id,
      kind: node.kind,
      ...(current !== undefined && {current_signature: current}),
      ...(wait > 0 && {wait: String(wait)}),
    });
    const answer = await way.ask({
      method: 'GET',
      path: `/api/v1/control/configs/pull?${query}`,
      headers: {authorization: `Bearer ${token}`},
      timeoutMs: wait * 1_000 + answerMs,
      answerBytesMax: manifestBytesMax,
      signal,
    });
    if (answer.status === 304) return 'same';
    const signature = answer.headers['x-config-signature'];
    if (answer.status !== 200 || typeof signature !== 'string') throw refusalOf(way.name, answer);
    return {bytes: answer.bytes, signature};
  }

  #accept(signed: SignedManifest, origin: Accepted['origin']): void {
    const {node, identity, cache, log} = this.#parts;
    const manifest = decodeManifest(signed, {...node, trusted: identity.trusted()});
    const {signature} = signed;
    const isSame = signature === this.#accepted?.signature;
    this.#accepted = {manifest, signature, origin};
    if (isSame) return;
    log.info({hash: hashOfSignature(signature), origin}, 'a manifest is accepted');
    if (origin === 'controller') {
      try {
        cache.write(signed);
      } catch (error) {
        log.error({error: textOf(error)}, 'the manifest cannot be kept for a start without the controller');
      }
    }
    this.accepts.raise();
  }

  #readCache(): void {
    let cached: SignedManifest | undefined;
    try {
      cached = this.#parts.cache.read();
      if (cached) this.#accept(cached, 'cache');
    } catch (error) {
      const {log, clock} = this.#parts;
      const reason = textOf(error);
      log.error({reason}, 'the cached manifest is not used');
      this.#failure = {hash: cached && hashOfSignature(cached.signature), reason, at: clock.now(), isRefused: true};
    }
  }

  #noteAnswer(): void {
    const {log} = this.#parts;
    if (this.#warnedOf !== undefined) log.info({}, 'the controller answers for manifests again');
    this.#warnedOf = undefined;
    this.#failingSince = undefined;
    const accepted = this.#accepted;
    if (!this.#failure && accepted?.origin !== 'cache') return;
    this.#failure = undefined;
    if (accepted) this.#accepted = {...accepted, origin: 'controller'};
    this.changed.raise();
  }

  /** A controller that is restarted is not worth a warning; one that stays away is, once. */
  #noteFailure(error: unknown, hash: string | undefined): void {
    const {clock, log} = this.#parts;
    const reason = textOf(error);
    this.#failingSince ??= clock.monotonic();
    const isRefused = error instanceof FustorError && error.code === 'MANIFEST_REFUSED';
    // That nobody answers is no news beside why what there is does not count.
    if (reason !== this.#failure?.reason && (isRefused || !this.#failure?.isRefused)) {
      this.#failure = {hash, reason, at: clock.now(), isRefused};
      this.changed.raise();
    }
    const isQuiet = !isRefused && clock.monotonic() - this.#failingSince < quietFailureMs;
    if (isQuiet || reason === this.#warnedOf) return;
    this.#warnedOf = reason;
    log.warn({reason}, 'no manifest from the controller; everything goes on without it');
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
