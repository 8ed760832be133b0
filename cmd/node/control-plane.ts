import {createHash, randomBytes} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {hostname} from 'node:os';
import {join} from 'node:path';
import {isDeepStrictEqual} from 'node:util';
import {ControlLoop, type Controlled} from '../../core/control/control-loop.ts';
import type {ShellReport} from '../../core/control/protocol.ts';
import type {Log} from '../../core/log/log.ts';
import {follow} from '../../core/pipe/follow.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {Clock} from '../../core/time/clock.ts';
import {version} from '../version.ts';
import {HttpControlChannel} from './control-channel.ts';
import {HttpWay, UnixWay, type Way} from './http-way.ts';
import {type NodeBootstrap, type NodeIdentity, openIdentity, type TlsMaterial} from './identity.ts';
import {ManifestCache} from './manifest-cache.ts';
import {type Accepted, ManifestLink, type PullFailure} from './manifest-link.ts';

/**
 * `directory` is the node's data directory. `socket`: of the controller that is embedded beside this shell; then `url` is not
 * asked.
 */
export type ControlPlaneSettings = NodeBootstrap & {directory: string; socket?: string | undefined};

export type ControlPlaneParts = Controlled & {clock: Clock; random: () => number; log: Log};

/**
 * A node's side of the control plane, whose settings may change: it has one controller, or none. Tells how the node and its
 * parts are, has done what operators order, and knows what the node should do.
 */
export class ControlPlane {
  readonly #parts: ControlPlaneParts;
  #settings: ControlPlaneSettings | undefined;
  #link: ManifestLink | undefined;
  #identity: NodeIdentity | undefined;
  #stop = new AbortController();
  #ended: Promise<unknown> = Promise.resolve();
  /** Raised when another manifest is accepted. */
  readonly accepts = new Signal();
  /** Raised when `accepted`, `failure` or `token` say something else. */
  readonly changed = new Signal();

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts;
  }

  get isSet(): boolean {
    return this.#settings !== undefined;
  }

  get accepted(): Accepted | undefined {
    return this.#link?.accepted;
  }

  get failure(): PullFailure | undefined {
    return this.#link?.failure;
  }

  token(): string | undefined {
    return this.#identity?.token();
  }

  /** Of certificates on this site, PEM. */
  authorities(): string[] {
    return this.#identity?.authorities() ?? [];
  }

  /** Undefined: nobody is to be told anything. */
  async apply(settings: ControlPlaneSettings | undefined): Promise<void> {
    if (isDeepStrictEqual(settings, this.#settings)) return;
    await this.stop();
    this.#settings = settings;
    this.#link = undefined;
    this.#identity = undefined;
    if (settings) this.#begin(settings);
    this.changed.raise();
  }

  /** Resolves when the controller was asked once more what the node should do, or when the time is up. */
  async pull(ms: number, signal: AbortSignal): Promise<void> {
    await this.#link?.pull(ms, signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  #begin(settings: ControlPlaneSettings): void {
    const {directory, socket, ...bootstrap} = settings;
    const {kind, id, url} = bootstrap;
    const {clock, random, log} = this.#parts;
    const openWay = (tls: TlsMaterial) => (socket === undefined ? new HttpWay(url, tls) : new UnixWay(socket));
    const identity = openIdentity(
      {directory: join(directory, 'identity'), bootstrap},
      {openWay, machineId: machineId(), clock, random, log},
    );
    const way = openWay(identity.tls());
    const cache = new ManifestCache(join(directory, 'manifest'));
    const link = new ManifestLink({node: {kind, id}, way, identity, cache, clock, random, log});
    this.#link = link;
    this.#identity = identity;
    this.#stop = new AbortController();
    const {signal} = this.#stop;
    this.#ended = Promise.all([
      identity.run(signal),
      link.run(signal),
      this.#beat(settings, {way, identity, link}, signal),
      follow(identity.changed, () => this.#renew(way, identity), signal),
      follow(link.accepts, () => this.accepts.raise(), signal),
      follow(link.changed, () => this.changed.raise(), signal),
    ]).finally(() => way.close());
  }

  #renew(way: Way, identity: NodeIdentity): void {
    way.use(identity.tls());
    this.changed.raise();
  }

  async #beat(
    {kind, id: agentId}: ControlPlaneSettings,
    {way, identity, link}: {way: Way; identity: NodeIdentity; link: ManifestLink},
    signal: AbortSignal,
  ): Promise<void> {
    const channel = new HttpControlChannel({way, token: () => identity.token()});
    const instance = randomBytes(8).toString('hex');
    const settings = {agentId, kind, instance, shell: this.#shellReport()};
    const onDesired = (signature: string | undefined) => link.hint(signature);
    await new ControlLoop(settings, {...this.#parts, channel, onDesired}).run(signal);
  }

  #shellReport(): ShellReport {
    const started_at = new Date(this.#parts.clock.now() - process.uptime() * 1_000).toISOString();
    const machine_id = machineId();
    return {pid: process.pid, version, started_at, host: hostname(), ...(machine_id !== undefined && {machine_id})};
  }
}

/** Hashed, as machine-id(5) asks: nobody needs the id itself. */
function machineId(): string | undefined {
  try {
    const id = readFileSync('/etc/machine-id', 'utf8').trim();
    return id === '' ? undefined : createHash('sha256').update(`fustor ${id}`).digest('hex').slice(0, 32);
  } catch {
    return undefined;
  }
}
