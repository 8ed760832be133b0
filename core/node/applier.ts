import type {PartConfigReport} from '../control/protocol.ts';
import type {Log} from '../log/log.ts';
import {Signal} from '../pipe/signal.ts';
import type {Clock} from '../time/clock.ts';
import {type ApplyRecord, chosen, type Look, plan, type Setup, stateOf, type Wanted} from './apply-planner.ts';
import type {Kept} from './kept-records.ts';

/** What makes parts as they are chosen to be, and looks at them. */
export interface Workshop<C> {
  /** These and no others. Resolves to undefined, or to what is not so and why. */
  make(parts: readonly {name: string; setup: Setup<C>}[]): Promise<string | undefined>;
  /** Undefined: there is no such part. `lastGood` is what it would go back to. */
  look(name: string, setup: Setup<C> | undefined, lastGood: Setup<C> | undefined): Look | undefined;
}

export type ApplierParts<C> = {
  workshop: Workshop<C>;
  clock: Clock;
  log: Log;
  /** Raised when a part may look different. */
  parts: Signal;
  /** Keeps what must be known after a restart; throws when there is no room. */
  keep(kept: Kept<C>): void;
};

/** What should be. `signature` is of the manifest that says so, if one does. */
export type Order<C> = {wanted: readonly Wanted<C>[]; soakMs: number; signature?: string | undefined};

/** What could not be kept, or made. */
const againMs = 10_000;

/** Makes parts what they should be, and what they were when that does not work. */
export class Applier<C> {
  readonly #parts: ApplierParts<C>;
  #records: ApplyRecord<C>[];
  #order: Order<C> | undefined;
  #manifest: string | undefined;
  #appliedManifest: string | undefined;
  #lookAgainAt: number | undefined;
  #isKept = true;
  /** What is chosen could not be made, and is made again then. */
  #makeAgainAt: number | undefined;
  #isStopped = false;
  #hasWarned = false;
  /** One change after another. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Raised when something else is wanted. */
  readonly #wanted = new Signal();
  /** Raised when the report says something else. */
  readonly changed = new Signal();

  constructor({records, manifest, appliedManifest}: Kept<C>, parts: ApplierParts<C>) {
    this.#records = records;
    this.#manifest = manifest;
    this.#appliedManifest = appliedManifest;
    this.#parts = parts;
  }

  /** What is known of each part; after a restart, of those before it. */
  get records(): readonly ApplyRecord<C>[] {
    return this.#records;
  }

  /** What the records are of: a manifest by its signature, or local files. */
  get manifest(): string | undefined {
    return this.#manifest;
  }

  /** Of which every part was applied last. */
  get appliedManifest(): string | undefined {
    return this.#appliedManifest;
  }

  /** Resolves when all is made as far as it can be: to undefined, or to what is not so. */
  want(order: Order<C>): Promise<string | undefined> {
    return this.#next(() => {
      this.#order = order;
      return this.#replan(true);
    });
  }

  /** What was wanted before the shell was started again, because nobody says what is wanted now. */
  resume(soakMs: number): Promise<string | undefined> {
    const wanted = this.#records.map(({name, desired, failed}) =>
      desired ? {name, setup: desired} : {name, mistake: failed?.reason ?? 'It cannot be read any more.'},
    );
    return this.want({wanted, soakMs, signature: this.#manifest});
  }

  /** Makes the same parts anew, where what they are made with has changed. */
  refresh(): Promise<string | undefined> {
    return this.#next(() => this.#replan(true));
  }

  /** Watches over the parts; resolves when `signal` aborts. Afterwards nothing is made any more. */
  async run(signal: AbortSignal): Promise<void> {
    const {clock, parts} = this.#parts;
    signal.addEventListener('abort', () => (this.#isStopped = true), {once: true});
    while (!signal.aborted) {
      const seen = {parts: parts.count, wanted: this.#wanted.count};
      await this.#next(() => this.#replan(false)).catch(error => this.#noteFailure(error));
      const woken = new AbortController();
      const until = AbortSignal.any([signal, woken.signal]);
      const ms = this.#waitMs();
      const limit = ms === undefined ? undefined : {clock, ms};
      await Promise.race([parts.wait(until, seen.parts, limit), this.#wanted.wait(until, seen.wanted)]);
      woken.abort();
    }
    await this.#turn;
  }

  report(): PartConfigReport[] {
    return this.#records.map(record => {
      const {name, desired, failed} = record;
      const look = this.#look(record);
      return {
        name,
        state: stateOf(record, look),
        running: look?.hash ?? null,
        desired: desired?.hash ?? null,
        ...(failed && {
          last_failed: {hash: failed.hash, reason: failed.reason.slice(0, reasonMax), at: iso(failed.at)},
        }),
      };
    });
  }

  #next<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(change);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** `isOrdered`: the parts are made even when nothing else is chosen for them. */
  async #replan(isOrdered: boolean): Promise<string | undefined> {
    if (!this.#order || this.#isStopped) return undefined;
    const {clock, workshop} = this.#parts;
    const {wanted, soakMs} = this.#order;
    const before = this.#records;
    const looks = new Map<string, Look>();
    for (const record of before) {
      const look = this.#look(record);
      if (look) looks.set(record.name, look);
    }
    const moment = {nowMs: clock.monotonic(), wallMs: clock.now()};
    const {records, lookAgainAt} = plan({records: before, wanted, looks, soakMs, ...moment});
    this.#records = records;
    this.#lookAgainAt = lookAgainAt;
    this.#tell(before);
    this.#keep(before);
    const isOther = isOrdered || !isSameChoice(before, records);
    if (isOther) {
      this.#wanted.raise();
      this.changed.raise();
    }
    const isDue = this.#makeAgainAt !== undefined && this.#makeAgainAt <= clock.monotonic();
    if (!isOther && !isDue) return undefined;
    this.#makeAgainAt = clock.monotonic() + againMs;
    const problem = await workshop.make(records.flatMap(record => toMake(record)));
    this.#makeAgainAt = undefined;
    return problem;
  }

  #look(record: ApplyRecord<C>): Look | undefined {
    return this.#parts.workshop.look(record.name, chosen(record), record.lastGood);
  }

  /** Nobody waits for what is made because of how parts are. */
  #noteFailure(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#parts.log.error({error: reason}, 'the parts cannot be made as they should be');
  }

  #waitMs(): number | undefined {
    const at = [this.#lookAgainAt, this.#makeAgainAt].filter(one => one !== undefined);
    const due = [...at.map(one => one - this.#parts.clock.monotonic()), ...(this.#isKept ? [] : [againMs])];
    return due.length === 0 ? undefined : Math.max(1, Math.min(...due));
  }

  #tell(before: readonly ApplyRecord<C>[]): void {
    const {log} = this.#parts;
    const earlier = new Map(before.map(record => [record.name, record]));
    for (const {name, desired, lastGood, failed} of this.#records) {
      const was = earlier.get(name);
      if (failed && failed.at !== was?.failed?.at) {
        const rest = lastGood ? 'what was applied last goes on' : 'there is nothing to go back to';
        log.error({part: name, hash: failed.hash, reason: failed.reason}, `a configuration is not used; ${rest}`);
      } else if (lastGood && lastGood.hash !== was?.lastGood?.hash) {
        log.info({part: name, hash: lastGood.hash}, 'a configuration is applied');
      }
      if (desired?.hash !== was?.desired?.hash || failed?.at !== was?.failed?.at) this.changed.raise();
    }
  }

  #keep(before: readonly ApplyRecord<C>[]): void {
    const {signature} = this.#order!;
    const isApplied = this.#records.every(({desired, lastGood}) => desired && desired.hash === lastGood?.hash);
    const appliedManifest = isApplied ? signature : this.#appliedManifest;
    const isSame =
      signature === this.#manifest && appliedManifest === this.#appliedManifest && isSameToKeep(before, this.#records);
    if (!isSame) this.changed.raise();
    this.#manifest = signature;
    this.#appliedManifest = appliedManifest;
    if (isSame && this.#isKept) return;
    try {
      this.#parts.keep({records: this.#records, manifest: signature, appliedManifest});
      this.#isKept = true;
      this.#hasWarned = false;
    } catch (error) {
      this.#isKept = false;
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#hasWarned) this.#parts.log.error({error: reason}, 'what is applied cannot be noted; tried again');
      this.#hasWarned = true;
    }
  }
}

const reasonMax = 4_096;

function toMake<C>(record: ApplyRecord<C>): {name: string; setup: Setup<C>}[] {
  const setup = chosen(record);
  return setup ? [{name: record.name, setup}] : [];
}

function isSameChoice<C>(a: readonly ApplyRecord<C>[], b: readonly ApplyRecord<C>[]): boolean {
  const of = (records: readonly ApplyRecord<C>[]) =>
    JSON.stringify(records.map(record => [record.name, chosen(record)?.hash]));
  return of(a) === of(b);
}

function isSameToKeep<C>(a: readonly ApplyRecord<C>[], b: readonly ApplyRecord<C>[]): boolean {
  const of = (records: readonly ApplyRecord<C>[]) =>
    JSON.stringify(records.map(({name, desired, lastGood, failed}) => [name, desired, lastGood, failed]));
  return of(a) === of(b);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
