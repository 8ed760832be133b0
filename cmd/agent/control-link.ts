import {randomBytes} from 'node:crypto';
import {hostname} from 'node:os';
import {isDeepStrictEqual} from 'node:util';
import {ControlLoop, type Controlled} from '../../core/control/control-loop.ts';
import type {ConfigReport} from '../../core/control/protocol.ts';
import type {Log} from '../../core/log/log.ts';
import type {Clock} from '../../core/time/clock.ts';
import type {ConfigState} from '../shell/shell.ts';
import {version} from '../version.ts';
import {HttpControlChannel} from './control-channel.ts';

export type ControlLinkSettings = {
  url: string;
  key: string;
  agentId: string;
};

export type ControlLinkParts = Controlled & {clock: Clock; random: () => number; log: Log};

/** A shell's link to its controller: tells how it and its parts are, and has done what operators order. */
export class ControlLink {
  readonly #settings: ControlLinkSettings;
  readonly #parts: ControlLinkParts;

  constructor(settings: ControlLinkSettings, parts: ControlLinkParts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  /** Resolves when `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const {url, key, agentId} = this.#settings;
    const channel = new HttpControlChannel({url, key});
    const startedAt = new Date(this.#parts.clock.now() - process.uptime() * 1_000).toISOString();
    const shell = {pid: process.pid, version, started_at: startedAt, host: hostname()};
    const instance = randomBytes(8).toString('hex');
    try {
      await new ControlLoop({agentId, instance, shell}, {...this.#parts, channel}).run(signal);
    } finally {
      channel.close();
    }
  }
}

export function configReport({state, lastFailed}: ConfigState): ConfigReport {
  if (!lastFailed) return {state};
  const {reason, at} = lastFailed;
  return {state, last_failed: {reason: reason.slice(0, reasonMax), at: new Date(at).toISOString()}};
}

const reasonMax = 4_096;

/** The link of a shell whose configuration may change: there is one, or none. */
export class ChangingControlLink {
  readonly #parts: ControlLinkParts;
  #settings: ControlLinkSettings | undefined;
  #stop = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  constructor(parts: ControlLinkParts) {
    this.#parts = parts;
  }

  async apply(settings: ControlLinkSettings | undefined): Promise<void> {
    if (isDeepStrictEqual(settings, this.#settings)) return;
    await this.stop();
    this.#settings = settings;
    if (!settings) return;
    this.#stop = new AbortController();
    this.#ended = new ControlLink(settings, this.#parts).run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }
}
