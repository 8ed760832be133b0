import type {Part, Survivor} from './part.ts';
import type {PartCommand, PartReport} from './part-report.ts';
import {Supervisor, type SupervisorParts} from './supervisor.ts';

/** So many processes of one kind, told apart by a number. `make` gives the one of a number. */
export type RollingParts = {count: number; hash: string; make(number: number): Part};

type Member = {number: number; supervisor: Supervisor; stop: AbortController; ended: Promise<void>};

/** A successor that has not answered by then is given up, and the one that it should replace stays. */
const successorMs = 30_000;

/**
 * Parts that stand for each other and may overlap, as gateways do. A successor takes another number and must answer before
 * the one that it replaces is asked to end: so a change that does not work ends nobody, and at every moment as many as are
 * wanted are there.
 */
export class RollingFleet {
  readonly #parts: SupervisorParts;
  #members: Member[] = [];
  /** Asked to end; they still answer what they had accepted. */
  #leaving: Member[] = [];
  #survivors: Survivor[];
  /** Changes are made one after another. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #stopping = new AbortController();

  constructor(parts: SupervisorParts, survivors: readonly Survivor[] = []) {
    this.#parts = parts;
    this.#survivors = [...survivors];
  }

  /** Resolves to undefined when all are as wanted, or to why they are not: then the earlier ones go on. */
  apply(wanted: RollingParts, {isRenewal = false} = {}): Promise<string | undefined> {
    const turn = this.#turn.then(() => this.#apply(wanted, isRenewal));
    this.#turn = turn;
    return turn;
  }

  report(): PartReport[] {
    return [...this.#members, ...this.#leaving].map(({supervisor}) => supervisor.report());
  }

  has(name: string): boolean {
    return this.#members.some(({supervisor}) => supervisor.name === name);
  }

  /** Resolves to what was done. Rejects when there is no such part. */
  execute(command: PartCommand, name: string): Promise<string> {
    const member = this.#members.find(({supervisor}) => supervisor.name === name);
    return member ? member.supervisor.execute(command) : Promise.reject(new Error(`There is no part "${name}".`));
  }

  /** Ends all; resolves when they are gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#turn;
    for (const member of this.#members) this.#dismiss(member);
    for (const {supervisor} of this.#leaving) supervisor.hurry();
    await Promise.all(this.#leaving.map(({ended}) => ended));
  }

  async #apply(wanted: RollingParts, isRenewal: boolean): Promise<string | undefined> {
    const present = [...this.#members, ...this.#adopt(wanted)];
    const isFit = ({supervisor}: Member) => !isRenewal && supervisor.hash === wanted.hash;
    const fit = present.filter(isFit);
    const unfit = present.filter(member => !isFit(member));
    const missing = wanted.count - present.length;
    for (let i = 0; i < missing; i++) this.#begin(wanted.make(this.#freeNumber()), this.#freeNumber());
    // Those that do not answer anyway stand in nobody's way and are the first to go.
    unfit.sort((a, b) => Number(a.supervisor.state === 'running') - Number(b.supervisor.state === 'running'));
    let toReplace = Math.min(unfit.length, wanted.count - fit.length - Math.max(0, missing));
    for (const member of unfit) {
      if (this.#stopping.signal.aborted) return undefined;
      if (toReplace-- > 0 && !(await this.#succeed(wanted))) {
        return 'A gateway with the new configuration did not answer; the earlier ones go on.';
      }
      this.#dismiss(member);
    }
    for (const member of fit.slice(wanted.count)) this.#dismiss(member);
    return undefined;
  }

  /** Whether a successor was started and answers. */
  async #succeed(wanted: RollingParts): Promise<boolean> {
    const number = this.#freeNumber();
    const successor = this.#begin(wanted.make(number), number);
    const {clock, changed} = this.#parts;
    const until = clock.monotonic() + successorMs;
    for (;;) {
      const seen = changed.count;
      const {state} = successor.supervisor;
      if (state === 'running') return true;
      const leftMs = until - clock.monotonic();
      if (leftMs <= 0 || this.#stopping.signal.aborted) break;
      await changed.wait(this.#stopping.signal, seen, {clock, ms: leftMs});
    }
    this.#dismiss(successor);
    return false;
  }

  /** All that are left of an earlier shell; their numbers are theirs. */
  #adopt({make}: RollingParts): Member[] {
    const survivors = this.#survivors;
    this.#survivors = [];
    return survivors.map(survivor => {
      const number = Number(survivor.name.split('-').at(-1));
      // As it was made: what is wanted now is decided above.
      return this.#begin({...make(number), hash: survivor.hash}, number, survivor);
    });
  }

  #begin(part: Part, number: number, survivor?: Survivor): Member {
    const supervisor = new Supervisor(part, this.#parts, survivor);
    const stop = new AbortController();
    const member = {number, supervisor, stop, ended: supervisor.run(stop.signal)};
    this.#members.push(member);
    return member;
  }

  /** It ends when what it has accepted is answered: nobody waits for that. */
  #dismiss(member: Member): void {
    this.#members = this.#members.filter(other => other !== member);
    this.#leaving.push(member);
    member.stop.abort();
    void member.ended.then(() => {
      this.#leaving = this.#leaving.filter(other => other !== member);
      this.#parts.changed.raise();
    });
  }

  #freeNumber(): number {
    const taken = new Set([...this.#members, ...this.#leaving].map(({number}) => number));
    for (let number = 1; ; number++) if (!taken.has(number)) return number;
  }
}
