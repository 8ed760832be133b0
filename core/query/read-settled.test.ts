import fc from 'fast-check';
import {expect, test} from 'vitest';
import {openMemoryTree} from '../../test/lib/memory-tree.ts';
import {listing, View} from '../../test/lib/view.ts';
import {fromText} from '../entry/byte-string.ts';
import {type Attributes, kinds, newEntryFrom} from '../entry/entry.ts';
import {packRun} from '../entry/packed.ts';
import {type Path, rootPath} from '../entry/path.ts';
import type {Heard} from '../protocol/batch.ts';
import type {FsEvent, UpsertEvent} from '../protocol/events.ts';
import type {ToldUntil} from '../protocol/session.ts';
import {heartbeat, ingest, noteRun, readClock, tick} from '../session/ingest.ts';
import {endSilentSessions, graceAll, openSession, readSessions} from '../session/session.ts';
import {type Hlc, hlcAt} from '../time/hlc.ts';
import type {EngineRun} from '../tree/context.ts';
import {reviewSuspects} from '../tree/suspects.ts';
import {readMeta} from './meta.ts';
import {readSettled} from './read-settled.ts';
import {resolve} from './resolve.ts';
import type {Settled} from './settled.ts';

const settings = {hotFileThresholdMs: 1_000, cacheWindowMs: 0, tombstoneRetentionMs: 3_600_000};
const timeoutMs = 30_000;
const windowMs = 2_000;
/** Clocks are written in whole milliseconds. */
const roundingMs = 5;
const directory: Attributes = {kind: kinds.directory, size: 0, mtime: time(0), ctime: time(0)};

function time(ms: number) {
  return {seconds: Math.floor(ms / 1_000), nanos: 0};
}

/**
 * A view with one agent in real time, which nobody in it knows: every clock is some other. The agent's watcher sees each write
 * after `lookMs`, its pipe tells it when it is let, and the engine may be started again with a wall clock that was set.
 */
class History {
  readonly #store = openMemoryTree();
  readonly #writes: {at: number; path: string}[] = [];
  #real = 1_000_000;
  /** The wall of the gateway host, the agent's monotonic clock, the storage's time: each less the real time. */
  #wallOffset = Date.UTC(2026, 0, 1);
  readonly #agentOffset = -999_000;
  readonly #storageOffset: number;
  #viewOffset = Date.UTC(2026, 0, 1);
  #run: EngineRun = {since: 0, before: 0};
  #session = '';
  #instances = 0;
  #batches = 0;
  #queue: {event: UpsertEvent; at: number; visibleAt: number}[] = [];
  #heard: Heard | undefined;
  /** A heartbeat that is on its way for long. */
  #late: {session: string; queued: number; toldUntil: ToldUntil | undefined} | undefined;
  #isAway = false;
  #isUp = false;
  /** The moment of real time for each moment of the view's clock that was given. */
  readonly #moments: {hlc: Hlc; real: number}[] = [];

  constructor(storageOffset: number) {
    this.#storageOffset = storageOffset;
  }

  get #arrival() {
    return {viewMs: this.#real + this.#viewOffset, wallMs: this.#real + this.#wallOffset, run: this.#run};
  }

  async begin(): Promise<void> {
    await this.startEngine(0);
    await this.startAgent();
  }

  /** The wall clock is set by so much before it. */
  async startEngine(wallSetByMs: number): Promise<void> {
    this.#wallOffset += wallSetByMs;
    const before = this.#store.read(readClock);
    const wall = this.#real + this.#wallOffset;
    const last = this.#moments.at(-1);
    const stored = last ? last.hlc / 4096 + Date.UTC(2024, 0, 1) : 0;
    this.#viewOffset = Math.max(wall, Math.ceil(stored)) - this.#real;
    await this.#store.write(txn => {
      this.#run = {since: tick(txn, this.#arrival.viewMs), before};
      noteRun(txn, this.#run);
      graceAll(txn, wall);
    });
    this.#note();
    this.#isUp = true;
  }

  /** What happened while no agent ran nobody saw, until the next reading. */
  async startAgent(): Promise<void> {
    const request = {view: 'v', schema: 'fs' as const, agent_id: 'a', pipe: 'p', instance: `${++this.#instances}`};
    const now = await this.#store.write(txn => {
      const now = tick(txn, this.#arrival.viewMs);
      const nowMs = this.#arrival.wallMs;
      this.#session = openSession(txn, request, {
        id: `s${this.#instances}`,
        key: 'k',
        nowMs,
        now,
        timeoutMs,
      }).session.id;
      return now;
    });
    this.#note();
    this.#batches = 0;
    this.#queue = [];
    this.#isAway = false;
    await this.#say([{kind: 'phase', phase: 'coverage', watched: 3, known: 3}]);
    if (this.#instances === 1) await this.read(now, 'snapshot');
  }

  /** A complete reading by the agent, with what it finds. */
  async read(evidence: Hlc, source: 'snapshot' | 'audit' = 'audit'): Promise<void> {
    if (!this.#isUp || this.#isAway) return;
    await this.beat(); // what waits goes first
    const scan = {kind: 'phase' as const, source, scan: `${this.#session}-${this.#batches}`, path: rootPath};
    const paths = [...new Set(this.#writes.map(({path}) => path))].sort();
    const listing = (path: Path, entries: {name: string; attributes: Attributes}[]): FsEvent => ({
      ...{kind: 'listing', source, path, self: directory, evidence, after: undefined, until: undefined},
      entries: packRun(entries.map(({name, attributes}) => newEntryFrom(fromText(name), attributes))),
    });
    const filesIn = (above: string) =>
      paths
        .filter(path => path.startsWith(above))
        .map(path => ({name: path.slice(above.length), attributes: this.#attributes(path)}));
    await this.#say([
      {...scan, phase: 'scan_begin'},
      listing(
        rootPath,
        ['elsewhere', 'set'].map(name => ({name, attributes: directory})),
      ),
      listing(fromText('/elsewhere') as Path, filesIn('/elsewhere/')),
      listing(fromText('/set') as Path, filesIn('/set/')),
      {...scan, phase: 'scan_end', isComplete: true, reason: undefined},
    ]);
  }

  async readNow(): Promise<void> {
    await this.read(this.#store.read(readClock));
  }

  /** Seen by the watcher after some time; lost when there is none. */
  write(name: string, lookMs: number): void {
    const path = `/${name}`;
    this.#writes.push({at: this.#real, path});
    if (this.#isAway) return;
    const observedAt = this.#real + lookMs + this.#agentOffset;
    const event: UpsertEvent = {
      ...{kind: 'upsert', path: fromText(path) as Path, attributes: this.#attributes(path)},
      ...{isAtomic: true, observedAt},
    };
    this.#queue.push({event, at: this.#real, visibleAt: this.#real + lookMs});
    this.#queue.sort((a, b) => a.visibleAt - b.visibleAt);
  }

  pass(ms: number): void {
    this.#real += ms;
  }

  killAgent(): void {
    this.#isAway = true;
  }

  killEngine(): void {
    this.#isUp = false;
  }

  /** A part of what waits is told. */
  async tell(count: number): Promise<void> {
    const told = this.#waiting().slice(0, count);
    if (told.length === 0 || !this.#isUp || this.#isAway) return;
    this.#queue = this.#queue.filter(one => !told.includes(one));
    await this.#say(told.map(({event}) => event));
  }

  /** All that waits, and a heartbeat. */
  async beat(): Promise<void> {
    await this.tell(Number.POSITIVE_INFINITY);
    await this.heartbeat();
  }

  async heartbeat(): Promise<void> {
    if (!this.#isUp || this.#isAway) return;
    await this.#deliver(this.#newHeartbeat());
  }

  holdBack(): void {
    if (!this.#isAway) this.#late = this.#newHeartbeat();
  }

  async deliverLate(): Promise<void> {
    if (this.#isUp && this.#late?.session === this.#session && this.hasSession()) await this.#deliver(this.#late);
  }

  #newHeartbeat() {
    return {session: this.#session, queued: this.#waiting().length, toldUntil: this.#toldUntil};
  }

  get #toldUntil(): ToldUntil | undefined {
    const seenUntil = Math.min(
      this.#real,
      ...this.#queue.filter(({visibleAt}) => visibleAt > this.#real).map(({at}) => at),
    );
    return this.#heard && {hlc: this.#heard.hlc, ms: seenUntil + this.#agentOffset - this.#heard.at};
  }

  async #deliver(request: {session: string; queued: number; toldUntil: ToldUntil | undefined}): Promise<void> {
    await this.#store.write(txn => heartbeat(txn, {...request, ...this.#arrival}));
    this.#note();
  }

  /** Silent sessions end, and what was written for the last time long ago is no suspect any more. */
  async keepHouse(): Promise<void> {
    if (!this.#isUp) return;
    const {wallMs: nowMs, viewMs} = this.#arrival;
    await this.#store.write(txn => {
      endSilentSessions(txn, ({seenAt}) => nowMs - seenAt > timeoutMs, nowMs);
      reviewSuspects(txn, {now: tick(txn, viewMs), thresholdMs: settings.hotFileThresholdMs, limit: 100});
    });
    this.#noteMoment();
  }

  ask(): Settled {
    const askedAt = this.#isUp ? hlcAt(this.#arrival.viewMs) : undefined;
    const path = fromText('/set') as Path;
    const query = {view: 'v', nowMs: this.#arrival.wallMs, settled: {path, windowMs, askedAt}};
    return this.#store.read(txn => readMeta(txn, query, resolve(txn, path)).settled!);
  }

  /** Writes that a settled answer says there were none of, and how long ago that is if it is too long. */
  wrong(): number[] {
    const {is_settled, as_of} = this.ask();
    if (!is_settled) return [];
    // The latest real moment that `as_of` can stand for.
    const until = Date.parse(as_of!);
    const known = this.#moments.filter(({hlc}) => hlc / 4096 + Date.UTC(2024, 0, 1) <= until).at(-1)!;
    const real = known.real + until - (known.hlc / 4096 + Date.UTC(2024, 0, 1));
    const writes = this.#writes
      .filter(({path}) => path.startsWith('/set/'))
      .filter(({at}) => at > real - windowMs + roundingMs && at < real - roundingMs)
      .map(({at}) => at - real);
    return this.#isUp && this.#real - real <= windowMs + roundingMs ? writes : [...writes, this.#real - real];
  }

  hasSession(): boolean {
    return this.#store.read(readSessions).length > 0;
  }

  /** What has reached the pipe; a later event of the same path has taken out the earlier one. */
  #waiting(): {event: UpsertEvent; at: number; visibleAt: number}[] {
    const arrived = this.#queue.filter(({visibleAt}) => visibleAt <= this.#real);
    const later = this.#queue.filter(({visibleAt}) => visibleAt > this.#real);
    const newest = new Map(arrived.map(one => [one.event.path, one]));
    const waiting = arrived.filter(one => newest.get(one.event.path) === one);
    this.#queue = [...waiting, ...later];
    return waiting;
  }

  async #say(events: FsEvent[]): Promise<void> {
    const batch = {session: this.#session, number: ++this.#batches, sentAt: this.#real + this.#agentOffset};
    const said = {...batch, heard: this.#heard, toldUntil: this.#toldUntil, events};
    await this.#store.write(txn => ingest(txn, said, {arrival: this.#arrival, settings}));
    this.#note();
  }

  #attributes(path: string): Attributes {
    const last = this.#writes.findLast(write => write.path === path)!;
    return {kind: kinds.file, size: this.#writes.length, mtime: time(0), ctime: time(last.at + this.#storageOffset)};
  }

  /** What the view's clock says now; an answer tells the agent. */
  #note(): void {
    const hlc = this.#noteMoment();
    if (this.#isUp && !this.#isAway) this.#heard = {hlc, at: this.#real + this.#agentOffset};
  }

  #noteMoment(): Hlc {
    const hlc = this.#store.read(readClock);
    this.#moments.push({hlc, real: this.#real});
    return hlc;
  }
}

const pause = fc.oneof(fc.nat(500), fc.nat(3_000));
const name = fc.constantFrom('set/a', 'set/b', 'elsewhere/c');
const step = fc.oneof(
  {weight: 3, arbitrary: fc.record({do: fc.constant('write' as const), name, lookMs: fc.nat(8_000)})},
  {weight: 6, arbitrary: fc.record({do: fc.constant('pass' as const), ms: pause})},
  {weight: 2, arbitrary: fc.record({do: fc.constant('tell' as const), count: fc.integer({min: 1, max: 2})})},
  {weight: 6, arbitrary: fc.record({do: fc.constantFrom('beat', 'heartbeat', 'holdBack', 'deliverLate')})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('read' as const)})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('agentDown' as const), name, ms: pause})},
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('engineDown' as const),
      ms: pause,
      setByMs: fc.integer({min: -9_000, max: 9_000}),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

async function take(history: History, one: Step): Promise<void> {
  switch (one.do) {
    case 'write':
      return history.write(one.name, one.lookMs);
    case 'pass':
      history.pass(one.ms);
      return history.keepHouse();
    case 'tell':
      return history.tell(one.count);
    case 'beat':
      return history.beat();
    case 'heartbeat':
      return history.heartbeat();
    case 'holdBack':
      return history.holdBack();
    case 'deliverLate':
      return history.deliverLate();
    case 'read':
      return history.readNow();
    case 'agentDown':
      history.killAgent();
      history.write(one.name, 0);
      history.pass(one.ms);
      expect(history.wrong()).toEqual([]);
      return history.startAgent();
    case 'engineDown':
      history.killEngine();
      history.pass(one.ms);
      expect(history.wrong()).toEqual([]);
      return history.startEngine(one.setByMs);
  }
}

test('never settled with a write within the window, and always when it is quiet and somebody watches', async () => {
  const histories = fc.record({
    storageOffset: fc.constantFrom(0, -86_400_000, 10 * 365 * 86_400_000),
    steps: fc.array(step, {minLength: 10, maxLength: 40, size: 'max'}),
  });
  let settled = 0;
  await fc.assert(
    fc.asyncProperty(histories, async ({storageOffset, steps}) => {
      const history = new History(storageOffset);
      await history.begin();
      for (const one of steps) {
        await take(history, one);
        expect(history.wrong()).toEqual([]);
        if (history.ask().is_settled) settled++;
      }
      if (!history.hasSession()) await history.startAgent();
      await history.readNow();
      for (let beats = 0; beats < 5; beats++) {
        history.pass(3_000);
        await history.keepHouse();
        await history.beat();
      }
      const {is_settled, reason} = history.ask();
      expect({is_settled, reason}).toEqual({is_settled: true, reason: undefined});
      expect(history.wrong()).toEqual([]);
    }),
    {numRuns: 500},
  );
  expect(settled).toBeGreaterThan(30);
});

test('an agent that is not heard any more stands against it before the engine has ended its session', async () => {
  const store = openMemoryTree();
  const nowMs = Date.UTC(2026, 0, 1);
  const run = {since: hlcAt(nowMs), before: 0};
  await store.write(txn => noteRun(txn, run));
  const arrival = (ms: number) => ({viewMs: nowMs + ms, wallMs: nowMs + ms, run});
  const beat = (session: string, ms: number) => {
    const toldUntil = {hlc: hlcAt(nowMs + ms), ms: 0};
    return store.write(txn => heartbeat(txn, {session, queued: 0, toldUntil, ...arrival(ms)}));
  };
  for (const agent_id of ['a', 'b']) {
    const request = {view: 'v', schema: 'fs' as const, agent_id, pipe: 'p', instance: '1'};
    await store.write(txn => openSession(txn, request, {id: agent_id, key: 'k', nowMs, timeoutMs}));
    const scan = {kind: 'phase', source: 'snapshot', scan: agent_id, path: rootPath} as const;
    const events: FsEvent[] = [
      {kind: 'phase', phase: 'coverage', watched: 1, known: 1},
      {...scan, phase: 'scan_begin'},
      {
        ...{kind: 'listing', source: 'snapshot', path: rootPath, self: directory, evidence: 0},
        ...{after: undefined, until: undefined, entries: packRun([])},
      },
      {...scan, phase: 'scan_end', isComplete: true, reason: undefined},
    ];
    const batch = {session: agent_id, number: 1, sentAt: 0, heard: undefined, events};
    await store.write(txn => ingest(txn, batch, {arrival: arrival(0), settings}));
    await beat(agent_id, 10_000);
  }
  const ask = (ms: number) => {
    const query = {view: 'v', nowMs: nowMs + ms, settled: {path: rootPath, windowMs, askedAt: hlcAt(nowMs + ms)}};
    return store.read(txn => readMeta(txn, query, resolve(txn, rootPath)).settled);
  };
  expect(ask(10_001)).toMatchObject({is_settled: true});
  await beat('a', 10_000 + timeoutMs + 1);
  expect(ask(10_000 + timeoutMs)).toMatchObject({is_settled: false, cause: 'not_heard'});
  expect(ask(10_000 + timeoutMs + 1)).toMatchObject({is_settled: false, cause: 'silent_agent'});
});

test('an empty directory that a scan has just found was written just now', async () => {
  const view = new View();
  const ask = (at: Path) => {
    const state = {lastEventAt: 1, snapshotCompletedAt: 1, auditCompletedAt: 0, agents: []};
    const status = {sync: 'live' as const, state, leader: undefined, sessions: [], until: 0};
    return view.store.read(txn => {
      const query = {path: at, windowMs, askedAt: undefined};
      return readSettled(txn, query, {found: resolve(txn, at), status, suspects: 0}).quiet_since;
    });
  };
  await view.store.write(txn => noteRun(txn, {since: view.hlc, before: 0}));
  await view.tell([listing('/', {a: {kind: kinds.directory}}, view.hlc), listing('/a', {}, view.hlc)]);
  const found = new Date(view.pass(3_600_000).nowMs).toISOString();
  await view.tell([
    listing('/', {a: {kind: kinds.directory}, b: {kind: kinds.directory}}, view.hlc),
    listing('/b', {}, view.hlc),
  ]);
  const foundA = new Date(view.nowMs - 3_600_000).toISOString();
  await view.pass(1_000).tell([listing('/b', {}, view.hlc)]);
  expect([ask(fromText('/a') as Path), ask(fromText('/b') as Path)]).toEqual([foundA, found]);
});
