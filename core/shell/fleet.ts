import type {Part, Survivor} from './part.ts';
import type {PartCommand, PartLook, PartReport} from './part-report.ts';
import {Supervisor, type SupervisorParts} from './supervisor.ts';

type Member = {supervisor: Supervisor; stop: AbortController; ended: Promise<void>};

/** What is not wanted and not gone yet. `next`: its name is wanted again, and gets this when it is gone. */
type Leaving = {supervisor: Supervisor | undefined; ended: Promise<void>; next: Part | undefined};

/** What a part may take when its shell ends. */
const survivorGraceMs = 10_000;

/**
 * The parts of a shell that are known by name, each with a supervisor of its own: what one does is no other's business.
 * Survivors of an earlier shell that are wanted are adopted, all others are ended.
 *
 * Nobody waits for an end but who has the name next: the kernel may keep a process for as long as a storage hangs.
 */
export class Fleet {
  readonly #parts: SupervisorParts;
  readonly #members = new Map<string, Member>();
  readonly #leaving = new Map<string, Leaving>();
  #survivors: Map<string, Survivor>;

  constructor(parts: SupervisorParts, survivors: readonly Survivor[] = []) {
    this.#parts = parts;
    this.#survivors = new Map(survivors.map(survivor => [survivor.name, survivor]));
  }

  /** Starts what is new, replaces what has changed, has what is not among them end. */
  apply(wanted: readonly Part[]): void {
    const names = new Set(wanted.map(({name}) => name));
    for (const name of this.#members.keys()) if (!names.has(name)) this.#dismiss(name);
    for (const leaving of this.#leaving.values()) leaving.next = undefined;
    for (const part of wanted) {
      const leaving = this.#leaving.get(part.name);
      const member = this.#members.get(part.name);
      if (leaving) leaving.next = part;
      else if (member) member.supervisor.replace(part);
      else this.#begin(part);
    }
    for (const {name, child} of this.#survivors.values()) {
      child.kill();
      this.#leave(name, {supervisor: undefined, ended: child.exited.then(() => {})});
    }
    this.#survivors = new Map();
  }

  /** Replaces all processes though nothing has changed. */
  renew(): void {
    for (const {supervisor} of this.#members.values()) supervisor.renew();
  }

  report(): PartReport[] {
    return this.#supervisors().map(supervisor => supervisor.report());
  }

  /** Undefined: there is no such part. */
  look(name: string): PartLook | undefined {
    return this.#find(name)?.look();
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Resolves to what was done. Rejects when there is no such part. */
  execute(command: PartCommand, name: string): Promise<string> {
    const supervisor = this.#find(name);
    if (supervisor) return supervisor.execute(command);
    const known =
      this.#supervisors()
        .map(one => one.name)
        .join(', ') || 'none';
    return Promise.reject(new Error(`There is no part "${name}"; parts: ${known}.`));
  }

  /** Ends all, also survivors of which nobody has said whether they are wanted; resolves when they are gone. */
  async stop(): Promise<void> {
    for (const leaving of this.#leaving.values()) leaving.next = undefined;
    for (const name of this.#members.keys()) this.#dismiss(name);
    const survivors = [...this.#survivors.values()];
    this.#survivors = new Map();
    for (const survivor of survivors) this.#leave(survivor.name, {supervisor: undefined, ended: this.#end(survivor)});
    await Promise.all([...this.#leaving.values()].map(({ended}) => ended));
  }

  #supervisors(): Supervisor[] {
    return [...this.#members.values(), ...this.#leaving.values()].flatMap(({supervisor}) => supervisor ?? []);
  }

  #find(name: string): Supervisor | undefined {
    return (this.#members.get(name) ?? this.#leaving.get(name))?.supervisor;
  }

  #begin(part: Part): void {
    const survivor = this.#survivors.get(part.name);
    this.#survivors.delete(part.name);
    const supervisor = new Supervisor(part, this.#parts, survivor);
    const stop = new AbortController();
    this.#members.set(part.name, {supervisor, stop, ended: supervisor.run(stop.signal)});
  }

  #dismiss(name: string): void {
    const {supervisor, stop, ended} = this.#members.get(name)!;
    this.#members.delete(name);
    stop.abort();
    this.#leave(name, {supervisor, ended});
  }

  #leave(name: string, {supervisor, ended}: Omit<Leaving, 'next'>): void {
    const gone = () => {
      this.#leaving.delete(name);
      if (leaving.next) this.#begin(leaving.next);
      this.#parts.changed.raise();
    };
    const leaving: Leaving = {supervisor, ended: ended.then(gone), next: undefined};
    this.#leaving.set(name, leaving);
  }

  async #end({child}: Survivor): Promise<void> {
    const gone = new AbortController();
    const exited = child.exited.then(() => gone.abort());
    child.terminate();
    await this.#parts.clock.sleep(survivorGraceMs, gone.signal);
    if (!gone.signal.aborted) child.kill();
    await exited;
  }
}
