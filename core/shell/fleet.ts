import type {Part, Survivor} from './part.ts';
import type {PartCommand, PartLook, PartReport} from './part-report.ts';
import {Supervisor, type SupervisorParts} from './supervisor.ts';

type Member = {supervisor: Supervisor; stop: AbortController; ended: Promise<void>};

/** What a part may take when its shell ends. */
const survivorGraceMs = 10_000;

/**
 * The parts of a shell that are known by name, each with a supervisor of its own: what one does is no other's business.
 * Survivors of an earlier shell that are wanted are adopted, all others are ended.
 */
export class Fleet {
  readonly #parts: SupervisorParts;
  readonly #members = new Map<string, Member>();
  #survivors: Map<string, Survivor>;

  constructor(parts: SupervisorParts, survivors: readonly Survivor[] = []) {
    this.#parts = parts;
    this.#survivors = new Map(survivors.map(survivor => [survivor.name, survivor]));
  }

  /** Starts what is new, replaces what has changed, ends what is not among them. Resolves when the latter are gone. */
  async apply(wanted: readonly Part[]): Promise<void> {
    const names = new Set(wanted.map(({name}) => name));
    const surplus = [...this.#members.keys()].filter(name => !names.has(name));
    for (const part of wanted) {
      const member = this.#members.get(part.name);
      if (member) member.supervisor.replace(part);
      else this.#begin(part);
    }
    for (const {child} of this.#survivors.values()) {
      child.kill();
      await child.exited;
    }
    this.#survivors = new Map();
    await Promise.all(surplus.map(name => this.#remove(name)));
  }

  /** Replaces all processes though nothing has changed. */
  renew(): void {
    for (const {supervisor} of this.#members.values()) supervisor.renew();
  }

  report(): PartReport[] {
    return [...this.#members.values()].map(({supervisor}) => supervisor.report());
  }

  /** Undefined: there is no such part. */
  look(name: string): PartLook | undefined {
    return this.#members.get(name)?.supervisor.look();
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  /** Resolves to what was done. Rejects when there is no such part. */
  execute(command: PartCommand, name: string): Promise<string> {
    const member = this.#members.get(name);
    if (member) return member.supervisor.execute(command);
    const known = [...this.#members.keys()].join(', ') || 'none';
    return Promise.reject(new Error(`There is no part "${name}"; parts: ${known}.`));
  }

  /** Ends all, also survivors of which nobody has said whether they are wanted; resolves when they are gone. */
  async stop(): Promise<void> {
    const survivors = [...this.#survivors.values()];
    this.#survivors = new Map();
    const members = [...this.#members.keys()];
    await Promise.all([...members.map(name => this.#remove(name)), ...survivors.map(survivor => this.#end(survivor))]);
  }

  #begin(part: Part): void {
    const survivor = this.#survivors.get(part.name);
    this.#survivors.delete(part.name);
    const supervisor = new Supervisor(part, this.#parts, survivor);
    const stop = new AbortController();
    this.#members.set(part.name, {supervisor, stop, ended: supervisor.run(stop.signal)});
  }

  async #end({child}: Survivor): Promise<void> {
    const gone = new AbortController();
    const exited = child.exited.then(() => gone.abort());
    child.terminate();
    await this.#parts.clock.sleep(survivorGraceMs, gone.signal);
    if (!gone.signal.aborted) child.kill();
    await exited;
  }

  async #remove(name: string): Promise<void> {
    const {stop, ended} = this.#members.get(name)!;
    stop.abort();
    await ended;
    this.#members.delete(name);
    this.#parts.changed.raise();
  }
}
