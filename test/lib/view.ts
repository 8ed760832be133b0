import {fromText} from '../../core/entry/byte-string.ts';
import {type Attributes, type Entry, type Kind, kinds, newEntryFrom} from '../../core/entry/entry.ts';
import {packRun} from '../../core/entry/packed.ts';
import type {Path} from '../../core/entry/path.ts';
import type {FsEvent, ScanSource} from '../../core/protocol/events.ts';
import {resolve} from '../../core/query/resolve.ts';
import {type Hlc, hlcAt, shiftHlc} from '../../core/time/hlc.ts';
import {emptyStorageClock, type StorageClock} from '../../core/time/storage-clock.ts';
import {arbitrate} from '../../core/tree/arbitrate.ts';
import {type EngineRun, onlyRun} from '../../core/tree/context.ts';
import {doubts} from '../../core/tree/doubts.ts';
import {forgottenUntil} from '../../core/tree/tombstones.ts';
import type {TreeStore} from '../../core/tree/tree-store.ts';
import {openMemoryTree} from './memory-tree.ts';

export const second = 1_000;
export const settings = {
  hotFileThresholdMs: 30 * second,
  cacheWindowMs: 120 * second,
  tombstoneRetentionMs: 3600 * second,
};
export const start = Date.UTC(2026, 0, 1);
export const old = start / 1000 - 86_400;

/** A view whose clock is moved by hand, and two agents that tell it things. */
export class View {
  readonly store: TreeStore;
  nowMs = start;
  run: EngineRun = onlyRun;
  #storageClock: StorageClock = emptyStorageClock;
  #observedUntil = new Map<number, Hlc>();
  #lastHlc = 0;

  constructor(store = openMemoryTree()) {
    this.store = store;
  }

  get hlc(): Hlc {
    return hlcAt(this.nowMs);
  }

  pass(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  /**
   * `ageMs`: how long before the batch was sent the agent observed the realtime events. `delayMs`: how long the batch was on its
   * way, of which the agent knows nothing.
   */
  async tell(
    events: FsEvent[],
    {agent = 1, ageMs = 0, delayMs = 0}: {agent?: number; ageMs?: number; delayMs?: number} = {},
  ): Promise<number> {
    const now = Math.max(this.#lastHlc + 1, this.hlc);
    this.#lastHlc = now;
    const result = await this.store.write(txn =>
      arbitrate(
        {
          txn,
          settings,
          now,
          agent,
          isOnlyAgent:
            this.#observedUntil.size === 0 || (this.#observedUntil.size === 1 && this.#observedUntil.has(agent)),
          forgottenUntil: forgottenUntil(txn),
          heard: {hlc: shiftHlc(now, -delayMs), at: ageMs},
          run: this.run,
          storageClock: this.#storageClock,
          sentAt: ageMs,
          observedUntil: this.#observedUntil.get(agent) ?? 0,
        },
        events,
      ),
    );
    this.#storageClock = result.storageClock;
    this.#observedUntil.set(agent, result.observedUntil);
    return result.counted;
  }

  find(path: string): Entry | undefined {
    return this.store.read(txn => resolve(txn, fromText(path) as Path).entry);
  }

  doubts(): string[] {
    return this.store.read(txn => [...doubts(txn)]).sort();
  }

  has(path: string): boolean {
    return this.find(path) !== undefined;
  }
}

export const path = (text: string) => fromText(text) as Path;
export function attributes({
  kind = kinds.file,
  size = 1,
  ctime = old,
}: {
  kind?: Kind;
  size?: number;
  ctime?: number;
} = {}): Attributes {
  const time = {seconds: Math.floor(ctime), nanos: 0};
  return {kind, size, mtime: time, ctime: time};
}
export const upsert = (at: string, more: Parameters<typeof attributes>[0] = {}, isAtomic = true): FsEvent => ({
  kind: 'upsert',
  path: path(at),
  attributes: attributes(more),
  isAtomic,
  observedAt: 0,
});
export const remove = (at: string): FsEvent => ({kind: 'delete', path: path(at), observedAt: 0});
export const move = (from: string, to: string): FsEvent => ({
  kind: 'move',
  from: path(from),
  to: path(to),
  observedAt: 0,
});
export const directory = {kind: kinds.directory};
export const look = (at: string, more: Parameters<typeof attributes>[0] | undefined, evidence: Hlc): FsEvent => ({
  kind: 'sentinel',
  path: path(at),
  evidence,
  attributes: more && attributes(more),
});

export function listing(
  at: string,
  names: Record<string, Parameters<typeof attributes>[0]>,
  evidence: Hlc,
  source: ScanSource = 'audit',
): FsEvent {
  const entries = Object.entries(names)
    .map(([name, more]) => newEntryFrom(fromText(name), attributes(more)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    kind: 'listing',
    source,
    path: path(at),
    self: attributes(directory),
    evidence,
    after: undefined,
    until: undefined,
    entries: packRun(entries),
  };
}

/** A listing of one name whose attributes could not be read. */
export function without(at: string, name: string, evidence: Hlc): FsEvent {
  const entry = {...newEntryFrom(fromText(name), attributes()), hasAttributes: false};
  return {...listing(at, {}, evidence), entries: packRun([entry])} as FsEvent;
}
