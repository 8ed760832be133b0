import {randomBytes} from 'node:crypto';
import {hostname} from 'node:os';
import {ControlLoop, type Controlled} from '../../core/control/control-loop.ts';
import type {Log} from '../../core/log/log.ts';
import type {Clock} from '../../core/time/clock.ts';
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
