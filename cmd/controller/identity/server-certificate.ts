import type {Server} from 'node:https';
import {hostname, networkInterfaces} from 'node:os';
import type {ControllerTlsConfig, ListenAddress} from '../../../core/config/schema.ts';
import {rotationAt} from '../../../core/identity/rotation.ts';
import type {Log} from '../../../core/log/log.ts';
import type {Clock} from '../../../core/time/clock.ts';
import {readServerFiles} from '../../server-files.ts';
import type {Authority} from './authority.ts';

type Settings = {tls: ControllerTlsConfig; listen: ListenAddress};
type Parts = {authority: Authority; clock: Clock; log: Log};

/** Longer than a clock may jump unnoticed; a timer of Node waits for 24 days at most. */
const lookEveryMs = 3_600_000;
const againMs = 10_000;

/** What a server shows, and whose certificates it knows. A client may have one; what it is good for is judged later. */
export type ServerTls = {cert: string; key: string; ca: string; requestCert: true; rejectUnauthorized: false};

/** The certificate of this server, from files or made here. */
export class ServerCertificate {
  readonly #settings: Settings;
  readonly #parts: Parts;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(settings: Settings, parts: Parts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  /** Rejects with CONFIG_INVALID when the files are not what they should be. */
  async obtain(): Promise<ServerTls> {
    const {authority, clock} = this.#parts;
    const common = {ca: authority.certificate, requestCert: true, rejectUnauthorized: false} as const;
    const {tls, listen} = this.#settings;
    if (tls.files) return {...common, ...readServerFiles(tls.files)};
    const {certificate, key, notAfter} = await authority.issueServer(tls.names ?? namesOf(listen));
    const nowMs = clock.now();
    this.#dueAt = rotationAt({notBefore: nowMs, notAfter});
    // With the authority: who meets this server for the first time can see whom it would trust.
    return {...common, cert: certificate + authority.certificate, key};
  }

  /** For connections from now on. What is wrong is told, and the earlier one goes on. */
  async renew(server: Server): Promise<void> {
    const {log, clock} = this.#parts;
    try {
      const {cert, key, ca} = await this.obtain();
      server.setSecureContext({cert, key, ca});
      log.info({}, 'the certificate of this server is another one');
    } catch (error) {
      log.error({error: String(error)}, 'the certificate of this server cannot be renewed; the earlier one goes on');
      this.#dueAt = Math.max(this.#dueAt, clock.now() + againMs);
    }
  }

  /** Renews what was made here, in time. Resolves when `signal` aborts. */
  async keep(server: Server, signal: AbortSignal): Promise<void> {
    const {clock} = this.#parts;
    while (!signal.aborted) {
      const leftMs = this.#dueAt - clock.now();
      if (leftMs <= 0) await this.renew(server);
      else await clock.sleep(Math.min(leftMs, lookEveryMs), signal);
    }
  }
}

function namesOf({host}: ListenAddress): string[] {
  const isWildcard = ['0.0.0.0', '::'].includes(host);
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? []);
  // A link-local address has meaning on its own link only.
  const reachable = all.map(({address}) => address).filter(address => !address.startsWith('fe80:'));
  return [...new Set([...(isWildcard ? reachable : [host]), hostname(), 'localhost', '127.0.0.1'])];
}
