import {X509Certificate} from 'node:crypto';
import {hostname} from 'node:os';
import {rootCertificates} from 'node:tls';
import {isDeepStrictEqual} from 'node:util';
import type {z} from 'zod';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {enrolAnswer, renewAnswer, type TrustAnswer, trustAnswer} from '../../core/identity/protocol.ts';
import {rotationAt} from '../../core/identity/rotation.ts';
import {isEnrolToken, tokenHash} from '../../core/identity/tokens.ts';
import type {Log} from '../../core/log/log.ts';
import type {TrustedKey} from '../../core/manifest/signature.ts';
import {type Backoff, backoffMs} from '../../core/pipe/backoff.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {Clock} from '../../core/time/clock.ts';
import {isCertificate, meetServer, sha256} from './first-contact.ts';
import {parseJson, refusalOf, type Way} from './http-way.ts';
import type {NodeBootstrap, NodeIdentity, TlsMaterial} from './identity.ts';
import {IdentityFiles, type KeptIdentity, type KeptTrust, type NodeKey, nothingTrusted} from './identity-files.ts';

export type IdentityParts = {
  /** A new way to the controller. */
  openWay: (tls: TlsMaterial) => Way;
  /** Of this host, as in heartbeats. */
  machineId: string | undefined;
  clock: Clock;
  random: () => number;
  log: Log;
};

const answerMs = 10_000;
const answerBytesMax = 2 ** 18;
const retry: Backoff = {minMs: 500, maxMs: 60_000};
/** A clock may jump while nobody looks; a timer of Node waits for 24 days at most. */
const lookEveryMs = 3_600_000;

/**
 * An identity in files of the node's data directory. One step at a time, each kept before the next: whom to trust, who to be,
 * and a certificate as long as it is good. An answer that is not what it should be changes nothing.
 */
export class FileIdentity implements NodeIdentity {
  readonly changed = new Signal();
  readonly #bootstrap: NodeBootstrap;
  readonly #parts: IdentityParts;
  readonly #files: IdentityFiles;
  readonly #isTls: boolean;
  #kept: KeptIdentity | undefined;
  #key: NodeKey | undefined;
  #trust: KeptTrust = nothingTrusted;
  #trusted: readonly TrustedKey[] = [];
  #problem: string | undefined;
  /** What is in the files is not what it should be: nothing is asked, so that nothing is written over. */
  #isDamaged = false;

  constructor({directory, bootstrap}: {directory: string; bootstrap: NodeBootstrap}, parts: IdentityParts) {
    this.#bootstrap = bootstrap;
    this.#parts = parts;
    this.#files = new IdentityFiles(directory);
    this.#isTls = bootstrap.url.startsWith('https:');
    this.#load(() => {
      const {kept, keys} = this.#files.trust();
      this.#trust = kept;
      this.#trusted = keys;
    });
    if (isEnrolToken(bootstrap.authToken)) this.#load(() => this.#readIdentity());
  }

  token(): string | undefined {
    const {authToken} = this.#bootstrap;
    return isEnrolToken(authToken) ? this.#kept?.token : authToken;
  }

  tls(): TlsMaterial {
    if (!this.#isTls) return {};
    const {server} = this.#trust;
    const authorities = [...(server === 'system' ? rootCertificates : []), ...this.authorities()];
    const {certificate} = this.#kept ?? {};
    return {
      ...(server !== undefined && {ca: authorities}),
      ...(certificate !== undefined && this.#key && {cert: certificate, key: this.#key.privateKey}),
    };
  }

  authorities(): string[] {
    const {server, ca} = this.#trust;
    return [...new Set([server === 'system' ? undefined : server, ca])].filter(one => one !== undefined);
  }

  trusted(): readonly TrustedKey[] {
    return this.#trusted;
  }

  problem(): string | undefined {
    return this.#problem;
  }

  async run(signal: AbortSignal): Promise<void> {
    const {clock, random, log} = this.#parts;
    if (this.#isDamaged) return;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const isDone = !(await this.#step(signal));
        failures = 0;
        this.#problem = undefined;
        if (isDone) await clock.sleep(Math.min(this.#leftMs(), lookEveryMs), signal);
      } catch (error) {
        if (signal.aborted) return;
        const problem = error instanceof Error ? error.message : String(error);
        const {hint, retryAfterMs: leastMs} = error instanceof FustorError ? error : {};
        if (problem !== this.#problem)
          log.warn({problem, hint}, 'the identity of this node is not all that it should be; tries again');
        this.#problem = problem;
        await clock.sleep(backoffMs(retry, failures++, random(), leastMs), signal);
      }
    }
  }

  /** What is to be done next. False: nothing now. */
  async #step(signal: AbortSignal): Promise<boolean> {
    const {authToken} = this.#bootstrap;
    const mayEnrol = isEnrolToken(authToken);
    if (this.#isTls && !this.#hasMet()) await this.#meet(signal);
    else if (mayEnrol && this.#kept?.enrolled_with !== tokenHash(authToken)) await this.#enrol(authToken, signal);
    else if (this.#trusted.length === 0) await this.#learn(signal);
    else if (mayEnrol && this.#isTls && this.#leftMs() <= 0) await this.#renew(signal);
    else return false;
    this.changed.raise();
    return true;
  }

  /** Another hash than that of the authority which is trusted: it is met anew. */
  #hasMet(): boolean {
    const {server} = this.#trust;
    const {caSha256} = this.#bootstrap;
    if (server === undefined || caSha256 === undefined) return server !== undefined;
    return server !== 'system' && isCertificate(server, caSha256);
  }

  async #meet(signal: AbortSignal): Promise<void> {
    const {url, caSha256} = this.#bootstrap;
    const server = await meetServer({url, caSha256, timeoutMs: answerMs, signal});
    this.#keepTrust({...this.#trust, server});
    if (server === 'system' || caSha256 !== undefined) return;
    const fingerprint = sha256(new X509Certificate(server));
    this.#parts.log.warn(
      {url, ca_sha256: fingerprint},
      'the certificate authority of the controller is trusted, because it is met for the first time',
    );
  }

  async #enrol(authToken: string, signal: AbortSignal): Promise<void> {
    const {kind, id} = this.#bootstrap;
    const {machineId: machine_id, clock, log} = this.#parts;
    const key = this.#files.key({isNeeded: this.#kept !== undefined});
    const csr = this.#isTls ? await requestFor(key) : undefined;
    const request = {kind, id, token: authToken, public_key: key.publicKey, csr, host: hostname(), machine_id};
    const {token, certificate, ...trust} = await this.#ask('POST', 'enroll', enrolAnswer, {request, signal});
    // Who has given this node another enrolment token wants it to begin anew, also with whom it trusts.
    this.#accept(trust, {isCertain: true});
    this.#key = key;
    this.#keep({identity: 1, kind, id, token, enrolled_with: tokenHash(authToken), ...withDate(certificate, clock)});
    log.info({id}, 'this node is enrolled');
  }

  async #learn(signal: AbortSignal): Promise<void> {
    const trust = await this.#ask('GET', 'trust', trustAnswer, {signal});
    if (trust.signing_keys.length === 0)
      throw new FustorError('UNREACHABLE', 'The controller has no key for manifests yet.');
    this.#accept(trust);
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const kept = this.#kept!;
    const csr = await requestFor(this.#key!);
    const {certificate, ...trust} = await this.#ask('POST', 'renew', renewAnswer, {request: {csr}, signal});
    this.#accept(trust);
    this.#keep({...kept, ...withDate(certificate, this.#parts.clock)});
    this.#parts.log.debug({}, 'this node has another certificate');
  }

  async #ask<T extends z.ZodType>(
    method: 'GET' | 'POST',
    name: string,
    shape: T,
    {request, signal}: {request?: object; signal: AbortSignal},
  ): Promise<z.output<T>> {
    const way = this.#parts.openWay(this.tls());
    const token = this.token();
    const headers = {
      'content-type': 'application/json',
      ...(token !== undefined && {authorization: `Bearer ${token}`}),
    };
    try {
      const body = request === undefined ? {} : {body: JSON.stringify(request)};
      const path = `/api/v1/control/${name}`;
      const answer = await way.ask({method, path, headers, ...body, timeoutMs: answerMs, answerBytesMax, signal});
      const result = answer.status === 200 ? shape.safeParse(parseJson(answer.bytes).data) : undefined;
      if (result?.success) return result.data;
      throw refusalOf(way.name, answer);
    } finally {
      way.close();
    }
  }

  /** The first keys that are told count; others in their place only when it is certain that the controller tells them. */
  #accept({signing_keys, ca}: TrustAnswer, {isCertain = this.#isTls} = {}): void {
    const before = this.#trust;
    const isBelieved = signing_keys.length > 0 && (isCertain || before.signing_keys.length === 0);
    const authority = (this.#isTls ? ca : undefined) ?? before.ca;
    if (authority !== undefined) new X509Certificate(authority);
    const now = {
      ...before,
      ...(isBelieved && {signing_keys}),
      ...(authority !== undefined && {ca: authority}),
    };
    if (!isDeepStrictEqual(now, before)) this.#keepTrust(now);
  }

  #keepTrust(trust: KeptTrust): void {
    this.#trusted = this.#files.writeTrust(trust);
    this.#trust = trust;
  }

  #keep(kept: KeptIdentity): void {
    if (kept.certificate !== undefined) new X509Certificate(kept.certificate);
    this.#files.writeIdentity(kept);
    this.#kept = kept;
  }

  #readIdentity(): void {
    const {kind, id} = this.#bootstrap;
    const kept = this.#files.identity();
    if (!kept) return;
    if (kept.kind !== kind || kept.id !== id) {
      throw new FustorError(
        'IDENTITY_UNREADABLE',
        `The identity in this data directory is of the ${kept.kind} ${kept.id}, and this is the ${kind} ${id}.`,
        {
          hint: 'Give this node a data directory of its own; or remove its folder "identity".',
        },
      );
    }
    this.#key = this.#files.key({isNeeded: true});
    this.#kept = kept;
  }

  #load(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.#isDamaged = true;
      this.#problem = error instanceof Error ? error.message : String(error);
      this.#parts.log.error({problem: this.#problem}, 'the identity of this node is left as it is');
    }
  }

  /** Until the certificate is to be replaced. By the clock of this host, and how long it is good: clocks never meet. */
  #leftMs(): number {
    if (!this.#isTls || !this.#kept || this.#trust.ca === undefined) return Number.POSITIVE_INFINITY;
    const {certificate, certificate_received_at: receivedAt = 0} = this.#kept;
    if (certificate === undefined) return 0;
    const {validFromDate, validToDate} = new X509Certificate(certificate);
    const lifeMs = validToDate.getTime() - validFromDate.getTime();
    const nowMs = this.#parts.clock.now();
    // The clock was ahead when it came: nobody here knows how old it is.
    if (receivedAt > nowMs) return 0;
    return rotationAt({notBefore: receivedAt, notAfter: receivedAt + lifeMs}) - nowMs;
  }
}

function withDate(certificate: string | undefined, clock: Clock) {
  return certificate === undefined ? {} : {certificate, certificate_received_at: clock.now()};
}

/** What makes requests is loaded where one is made only. */
async function requestFor({privateKey}: NodeKey): Promise<string> {
  const {certificateRequest} = await import('./certificate-request.ts');
  return certificateRequest(privateKey);
}
