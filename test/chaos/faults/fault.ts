import {setTimeout as sleep} from 'node:timers/promises';
import type {Prng} from '../../lib/prng.ts';
import {until} from '../../lib/until.ts';
import {isAlive, type Kind, type Process, peerPortsOf} from '../site/census.ts';
import type {ChaosSite, Role} from '../site/chaos-site.ts';

/** Something bad that happens to a site, and what clients may notice of it. */
export type Fault = {
  name: string;
  /** How often it is chosen, compared with the others. */
  weight: number;
  /** Whether nobody holds this site's socket for a while, so that connections are refused. */
  mayRefuse?: (site: ChaosSite) => boolean;
  /** Whether the leader must have the same session afterwards, and so scans nothing again. */
  keepsSession?: boolean;
  /** Resolves when it is done, and what it is meant to bring about has come. The runner then waits for recovery. */
  inflict(scene: Scene): Promise<void>;
};

/** Connections that were open at a process when it was killed: whoever asked there is told by a reset. */
export type Lost = {at: number; ports: Set<number>};

/** What a fault has at hand. */
export class Scene {
  readonly site: ChaosSite;
  /** Of this fault alone: the same each time that it is replayed. */
  readonly random: Prng;
  readonly #lost: Lost[];

  /** `lost` is added to. */
  constructor(site: ChaosSite, random: Prng, lost: Lost[]) {
    this.site = site;
    this.random = random;
    this.#lost = lost;
  }

  /** One running process of a kind. */
  async any(kind: Kind): Promise<Process> {
    const found = await until(() => this.site.processes(kind).sort((a, b) => a.pid - b.pid)[0], {what: `a ${kind}`});
    return this.random.pick(this.site.processes(kind)) ?? found;
  }

  /**
   * `kill -9`, all at once. A gateway is stopped a moment before, so that what it has accepted can be listed: it accepts
   * nothing more, and everything else is judged strictly.
   */
  kill(...victims: Process[]): void {
    const gateways = victims.filter(({kind}) => kind === 'gateway');
    for (const {pid} of gateways) signal(pid, 'SIGSTOP');
    const ports = new Set(gateways.flatMap(({pid}) => [...peerPortsOf(pid)]));
    for (const {pid} of victims) signal(pid, 'SIGKILL');
    this.#lost.push({at: Date.now(), ports});
  }

  /** Stopped as by a debugger, for so long; it may be ended by its shell meanwhile. */
  async freeze(victim: Process, ms: number): Promise<void> {
    signal(victim.pid, 'SIGSTOP');
    await sleep(ms);
    if (isAlive(victim)) signal(victim.pid, 'SIGCONT');
  }

  /** Resolves when none of these processes is left. */
  async gone(processes: readonly Process[], timeoutMs = 60_000): Promise<void> {
    await until(() => !processes.some(isAlive), {
      timeoutMs,
      what: `the end of ${processes.map(({kind, pid}) => `${kind} ${pid}`).join(', ')}`,
    });
  }

  /** Replaces every part of a role by `ask`, and sees that the shell itself stays the process that it was. */
  async renewed(role: Role, parts: Kind[], ask: () => void): Promise<void> {
    const shell = await this.any(`${role}-shell`);
    const before = this.site.processes(...parts);
    ask();
    await this.gone(before);
    if (!isAlive(shell)) throw new Error(`the shell of the ${role} is not the same process any more`);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it ended by itself
  }
}
