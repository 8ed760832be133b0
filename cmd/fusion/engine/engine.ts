import {toBytes, toText} from '../../../core/entry/byte-string.ts';
import type {Path} from '../../../core/entry/path.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Log} from '../../../core/log/log.ts';
import {Signal} from '../../../core/pipe/signal.ts';
import type {Batch} from '../../../core/protocol/batch.ts';
import {decodeBatch} from '../../../core/protocol/codec.ts';
import {
  type HeartbeatRequest,
  heldMsMax,
  type OpenSessionAnswer,
  type OpenSessionRequest,
  type SessionProgress,
} from '../../../core/protocol/session.ts';
import type {SyncPointAnswer, SyncPointRequest} from '../../../core/protocol/sync-point.ts';
import type {SentBatch} from '../../../core/sender/sender.ts';
import {
  type Arrival,
  forgetStorageClock,
  heartbeat,
  type Ingestion,
  ingest,
  noteRun,
  progressOf,
  readClock,
  readRuns,
  skipBatch,
  standingOf,
  suspectsToLookAt,
  tick,
} from '../../../core/session/ingest.ts';
import {jobsToRun, requestScan} from '../../../core/session/jobs.ts';
import {
  endSession,
  endSilentSessions,
  getSession,
  graceAll,
  openSession,
  readSessions,
  readViewState,
} from '../../../core/session/session.ts';
import type {Clock} from '../../../core/time/clock.ts';
import {type Hlc, hlcAt, hlcToMs} from '../../../core/time/hlc.ts';
import {type EngineRun, onlyRun, type Place, ranBefore, type TreeSettings} from '../../../core/tree/context.ts';
import {countDoubts} from '../../../core/tree/doubts.ts';
import {reviewSuspects} from '../../../core/tree/suspects.ts';
import {take} from '../../../core/tree/take.ts';
import {forgetTombstones} from '../../../core/tree/tombstones.ts';
import type {TreeRead, TreeStore} from '../../../core/tree/tree-store.ts';
import type {StoredJob} from '../../../core/view/jobs.ts';
import type {StoredSession} from '../../../core/view/view-status.ts';
import {isStoreError} from '../../../store/store-error.ts';
import {BatchOrder} from './batch-order.ts';
import type {DeathMarks} from './death-marks.ts';
import type {EngineMetrics} from './engine-metrics.ts';
import {StoreTrouble} from './store-trouble.ts';
import {type SyncPointResult, SyncPoints} from './sync-points.ts';
import {Turnstile} from './turnstile.ts';

export type EngineSettings = TreeSettings & {view: string; sessionTimeoutMs: number};

export type EngineParts = {
  store: TreeStore;
  clock: Clock;
  log: Log;
  metrics: EngineMetrics;
  /** A fresh random part for the id of a session or a job. */
  randomId: () => string;
  /** Keeps a rejected batch for inspection; resolves to where, or to undefined when that is not possible. */
  keepAside: (batch: {
    session: string;
    number: number;
    bytes: Uint8Array;
    reason: string;
  }) => Promise<string | undefined>;
  marks: DeathMarks;
};

export type ReceivedBatch = SentBatch;

/** Due suspects are told this long before their time, so that they have been looked at when it comes. */
const lookAheadMs = 3_600_000;
const lookAtMax = 1_000;
const reviewedAtOnce = 1_000;
const collectedAtOnce = 512;
/** After that the rest of the house has its turn; sessions must end in time. */
const collectingMsMax = 500;
const tombstonesIntervalMs = 1_000;
/** Pipes are not asked more often how far they are. */
const hearAllIntervalMs = 1_000;
const tombstonesAtOnce = 2_000;
/** As often in a row the engine may die of a batch. */
const deathsMax = 3;
/** A body is judged so often before what it throws is the batch's fault. */
const judgedMax = 2;

/** The only writer of a view: what agents say becomes sessions, clock and tree, one transaction for each message. */
export class Engine {
  readonly #settings: EngineSettings;
  readonly #parts: EngineParts;
  readonly #order: BatchOrder;
  readonly #turnstile = new Turnstile();
  readonly #trouble: StoreTrouble;
  /** Raised when there may be something to tell to a pipe. */
  readonly #news = new Signal();
  readonly #syncPoints: SyncPoints;
  /** How often all pipes were asked how far they are, and when the last time, on the monotonic clock. */
  readonly #hearing = {count: 0, at: Number.NEGATIVE_INFINITY};
  #hasOrphans = true;
  /** What the view's clock has more than the monotonic one. */
  #viewOffsetMs = 0;
  #run: EngineRun = onlyRun;
  /** When each session was last heard, on the monotonic clock. */
  readonly #heardAt = new Map<string, number>();
  #tombstonesAt = Number.NEGATIVE_INFINITY;
  #forgetAfter: Place | undefined;

  constructor(settings: EngineSettings, parts: EngineParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#order = new BatchOrder(parts.clock);
    this.#trouble = new StoreTrouble(parts);
    const {store, clock, randomId} = parts;
    this.#syncPoints = new SyncPoints({
      clock,
      randomId,
      leader: () => store.read(readSessions).find(({role}) => role === 'leader'),
      view: () => store.read(txn => ({seq: txn.seq(), doubts: countDoubts(txn)})),
    });
  }

  readonly #write: TreeStore['write'] = async body => {
    try {
      const result = await this.#parts.store.write(body);
      this.#trouble.noteSuccess();
      return result;
    } catch (error) {
      if (isStoreError(error)) this.#trouble.note(error);
      throw error;
    }
  };

  /**
   * Before the first message. Everybody gets a full timeout, because nobody could be heard until now. From here on the
   * view's clock goes with the monotonic one: a wall clock that is set changes nothing.
   */
  async start(): Promise<void> {
    const {store, clock} = this.#parts;
    const wallMs = clock.now();
    this.#viewOffsetMs = Math.max(wallMs, hlcToMs(store.read(readClock))) - clock.monotonic();
    const sessions = await this.#write(txn => {
      const before = readClock(txn);
      if (hlcAt(wallMs) < before) forgetStorageClock(txn);
      this.#run = {since: tick(txn, this.#arrival().viewMs), before};
      noteRun(txn, this.#run);
      return graceAll(txn, wallMs);
    });
    for (const {id} of sessions) this.#heardAt.set(id, clock.monotonic());
  }

  async open(request: OpenSessionRequest, key: string): Promise<OpenSessionAnswer> {
    const {clock, log, randomId} = this.#parts;
    const {viewMs, wallMs} = this.#arrival();
    const timeoutMs = this.#settings.sessionTimeoutMs;
    const answer = await this.#write(txn => {
      const id = `${this.#settings.view}.${randomId()}`;
      const now = tick(txn, viewMs);
      const {session, isResumed} = openSession(txn, request, {id, key, nowMs: wallMs, now, timeoutMs});
      return {
        session_id: session.id,
        role: session.role,
        hlc: now,
        last_batch: session.lastBatch,
        is_resumed: isResumed,
        has_snapshot: readViewState(txn).snapshotCompletedAt !== 0,
        session_timeout_ms: timeoutMs,
      };
    });
    this.#news.raise();
    const {session_id, role, is_resumed} = answer;
    this.#heardAt.set(session_id, clock.monotonic());
    log.info({session: session_id, agent: request.agent_id, role, isResumed: is_resumed}, 'session opened');
    return answer;
  }

  /**
   * Keeps the answer back as long as the request allows and there is nothing to tell, so that a pipe hears at once of a scan
   * that is asked for and of its role. The session was heard when the heartbeat came, not while it is held: an agent that
   * froze meanwhile times out. `signal` aborts when nobody waits for the answer any more, or nobody may wait longer.
   */
  async heartbeat(id: string, request: HeartbeatRequest, signal: AbortSignal): Promise<SessionProgress> {
    const {store, clock} = this.#parts;
    const {queued, toldUntil, wants_suspects} = request;
    this.#syncPoints.heard(id);
    this.#heardAt.set(id, clock.monotonic()); // also when that cannot be stored: a full disk ends no session
    const {told: first, timeoutMs} = await this.#write(txn => {
      const {session} = heartbeat(txn, {session: id, queued, toldUntil, ...this.#arrival()});
      return {told: tell(txn, id, wants_suspects), timeoutMs: session.timeoutMs};
    });
    const waitMs = Math.min(request.wait_ms, heldMsMax, timeoutMs / 2);
    if (waitMs === 0 || isNews(first, request)) return first;
    const {count} = this.#hearing;
    const hasNews = () =>
      this.#hearing.count !== count || store.read(txn => isNews(tell(txn, id, wants_suspects), request));
    await this.#untilNews(hasNews, waitMs, signal);
    // The clock is evidence for what the pipe looks at next: it is told as it is now.
    return this.#write(txn => {
      tick(txn, this.#arrival().viewMs);
      return tell(txn, id, wants_suspects);
    });
  }

  /**
   * Somebody asks how quiet it is: heartbeats are answered, and their successors tell whether anything waits. Returns the
   * view's clock: what is heard at that moment or later counts.
   */
  hearAll(): Hlc {
    const {store, clock} = this.#parts;
    if (clock.monotonic() - this.#hearing.at >= hearAllIntervalMs) {
      this.#hearing.at = clock.monotonic();
      this.#hearing.count++;
      this.#news.raise();
    }
    return Math.max(store.read(readClock), hlcAt(this.#arrival().viewMs));
  }

  /** A job for a scan that somebody asks for, told to the leader at once. Throws TOO_MANY_JOBS. */
  async requestScan(asked: {path: Path; isRecursive: boolean}, key: string): Promise<{job: StoredJob; isNew: boolean}> {
    const {clock, log, randomId} = this.#parts;
    const id = randomId();
    const requested = await this.#write(txn => requestScan(txn, {id, ...asked, key, nowMs: clock.now()}));
    if (requested.isNew) {
      log.info({job: id, path: toText(asked.path).text, key}, 'a scan is asked for');
      this.#news.raise();
    }
    return requested;
  }

  /** Resolves when the view has every change made through the leader's mount before the call, or to why that is not known. */
  reachSyncPoint(timeoutMs: number, signal: AbortSignal): Promise<SyncPointResult> {
    return this.#syncPoints.reach(timeoutMs, signal);
  }

  /** Keeps the answer back as that of a heartbeat. Throws SESSION_UNKNOWN. */
  async askSyncPoint(id: string, request: SyncPointRequest, signal: AbortSignal): Promise<SyncPointAnswer> {
    this.#parts.store.read(txn => getSession(txn, id));
    const waitMs = Math.min(request.wait_ms ?? 0, heldMsMax);
    return {wanted: await this.#syncPoints.ask(id, {...request, wait_ms: waitMs}, signal)};
  }

  /** Resolves when the batch's effects are stored; a batch that was stored before is confirmed again. */
  async receive(received: ReceivedBatch): Promise<SessionProgress> {
    const arrival = this.#arrival();
    const lastBatch = () => this.#parts.store.read(txn => getSession(txn, received.session).lastBatch);
    const turn = await this.#order.turn(received, lastBatch);
    this.#heardAt.set(received.session, this.#parts.clock.monotonic());
    const leave = await this.#turnstile.enter({isAlone: this.#parts.marks.deathsOf(received) > 0});
    try {
      const ingestion = await this.#applyMarked(received, arrival, lastBatch);
      return {...progressOf(ingestion), look_at: [], scans: []};
    } finally {
      leave();
      turn.end();
    }
  }

  async end(id: string): Promise<void> {
    const {viewMs, wallMs} = this.#arrival();
    await this.#write(txn => {
      tick(txn, viewMs);
      endSession(txn, id, wallMs);
    });
    this.#news.raise();
    this.#parts.log.info({session: id}, 'session ended');
  }

  /**
   * What time brings: silent sessions end, suspects are cleared, space is freed. Called about once a second. What a full disk
   * does not allow is done when it does; rejects with STORE_FAILED when the store is not usable for long.
   */
  async tick(): Promise<void> {
    try {
      // The clock is stored for its own sake: whether writing works again.
      if (this.#trouble.isOn) await this.#write(txn => void tick(txn, this.#arrival().viewMs));
      await this.#keepHouse();
    } catch (error) {
      if (!isStoreError(error)) throw error;
      this.#trouble.note(error);
    }
    this.#trouble.giveUp();
  }

  async #keepHouse(): Promise<void> {
    const {store, clock, metrics} = this.#parts;
    await this.#endSilentSessions();
    const {viewMs} = this.#arrival();
    await this.#reviewSuspects(viewMs);
    if (clock.monotonic() - this.#tombstonesAt >= tombstonesIntervalMs) {
      this.#tombstonesAt = clock.monotonic();
      await this.#forgetTombstones(viewMs);
    }
    const until = clock.monotonic() + collectingMsMax;
    while (this.#hasOrphans && clock.monotonic() < until)
      this.#hasOrphans = await this.#write(txn => txn.collect(collectedAtOnce));
    this.#news.raise(); // suspects may have come
    metrics.observe(store);
  }

  /** Resolves when `hasNews` is true, when the time is over, and when `signal` aborts. */
  async #untilNews(hasNews: () => boolean, waitMs: number, signal: AbortSignal): Promise<void> {
    const {clock} = this.#parts;
    const until = clock.monotonic() + waitMs;
    for (let leftMs = waitMs; leftMs > 0 && !signal.aborted; leftMs = until - clock.monotonic()) {
      const seen = this.#news.count;
      if (hasNews()) return;
      await this.#news.wait(signal, seen, {clock, ms: leftMs});
    }
  }

  #arrival(): Arrival {
    const {clock} = this.#parts;
    return {viewMs: this.#viewOffsetMs + clock.monotonic(), wallMs: clock.now(), run: this.#run};
  }

  async #endSilentSessions(): Promise<void> {
    const {store, clock, log} = this.#parts;
    const heardAt = (id: string) => this.#heardAt.get(id) ?? Number.NEGATIVE_INFINITY;
    const isSilent = ({id, timeoutMs}: StoredSession) => clock.monotonic() - heardAt(id) > timeoutMs;
    const sessions = store.read(readSessions);
    for (const id of this.#heardAt.keys()) if (!sessions.some(session => session.id === id)) this.#heardAt.delete(id);
    this.#syncPoints.retain(id => sessions.some(session => session.id === id));
    if (!sessions.some(isSilent)) return;
    const {viewMs, wallMs} = this.#arrival();
    const silent = await this.#write(txn => {
      tick(txn, viewMs);
      return endSilentSessions(txn, isSilent, wallMs);
    });
    this.#news.raise();
    for (const {id, agent, role} of silent) {
      this.#heardAt.delete(id);
      log.warn({session: id, agent, role}, 'session timed out');
    }
  }

  /** A batch that an engine of this view died of, again and again, is not tried once more. */
  async #applyMarked(received: ReceivedBatch, arrival: Arrival, lastBatch: () => number): Promise<Ingestion> {
    const {marks} = this.#parts;
    const deaths = marks.deathsOf(received);
    if (deaths >= deathsMax && received.number > lastBatch()) {
      const reason = `The engine died ${deaths} times in a row while it was applying batch ${received.number}.`;
      await this.#reject(received, arrival, new FustorError('BATCH_REJECTED', reason));
    }
    marks.begin(received);
    try {
      return await this.#apply(received, arrival);
    } finally {
      marks.end(received);
    }
  }

  async #apply(received: ReceivedBatch, arrival: Arrival): Promise<Ingestion> {
    const {metrics} = this.#parts;
    for (let judged = 1; ; judged++) {
      try {
        const batch = this.#decode(received);
        const startedAt = performance.now();
        const done = await this.#write(txn => {
          const expected = getSession(txn, batch.session).lastBatch + 1;
          if (batch.number > expected) throw outOfOrder(batch.number, expected);
          return ingest(txn, batch, {arrival, settings: this.#settings});
        });
        this.#hasOrphans ||= (done.arbitration?.counted ?? 0) > 0;
        metrics.committed(done, batch.events.length, (performance.now() - startedAt) / 1000);
        return done;
      } catch (error) {
        // Of the store, the session, the order: the batch may come again. All else is what the batch brought about.
        if (error instanceof FustorError && error.code !== 'BATCH_REJECTED') throw error;
        if (judged === judgedMax || error instanceof FustorError) await this.#reject(received, arrival, error);
      }
    }
  }

  /** A batch that cannot be applied would come again for ever: it is kept aside, and the stream goes on. Always throws. */
  async #reject(received: ReceivedBatch, arrival: Arrival, error: unknown): Promise<never> {
    const {session, number, bytes} = received;
    const {keepAside, metrics, log} = this.#parts;
    const message = error instanceof Error ? error.message : String(error);
    const hlc = await this.#write(txn => {
      // Skipped while an earlier one is missing, that one would be missing for ever.
      const expected = getSession(txn, session).lastBatch + 1;
      if (number > expected) throw outOfOrder(number, expected);
      return skipBatch(txn, {session, number, reason: message}, arrival);
    });
    const reason = error instanceof Error ? (error.stack ?? message) : message;
    const file = await keepAside({session, number, bytes, reason});
    metrics.rejected();
    log.error({session, batch: number, file, reason}, 'a batch was rejected and kept aside');
    const told = error instanceof FustorError ? message : `Batch ${number} could not be applied: ${String(error)}`;
    throw new FustorError('BATCH_REJECTED', told, {cause: error, details: {kept: file, hlc}});
  }

  #decode({session, number, sentAt, toldUntil, bytes}: ReceivedBatch): Batch {
    const batch = decodeBatch(bytes, sentAt);
    if (batch.session === session && batch.number === number) return {...batch, toldUntil};
    throw new FustorError(
      'BATCH_REJECTED',
      `The batch says session ${batch.session}, number ${batch.number}; it was sent as ${session}, number ${number}.`,
    );
  }

  async #reviewSuspects(viewMs: number): Promise<void> {
    const {store} = this.#parts;
    const {hotFileThresholdMs: thresholdMs} = this.#settings;
    const isDue = () =>
      store.read(txn => {
        for (const _ of txn.suspects(hlcAt(viewMs))) return true;
        return false;
      });
    if (!isDue()) return;
    let reviewed: number;
    do {
      reviewed = await this.#write(txn =>
        reviewSuspects(txn, {now: tick(txn, viewMs), thresholdMs, limit: reviewedAtOnce}),
      );
    } while (reviewed === reviewedAtOnce);
  }

  /**
   * A part of them each time. No scan that began before a deletion may be running when its tombstone goes, and time in which no
   * engine ran does not count: the wall clock may have been set, and then no cache is any older.
   */
  async #forgetTombstones(viewMs: number): Promise<void> {
    const {store, clock} = this.#parts;
    const scans = store.read(txn => readSessions(txn).flatMap(session => session.scans));
    const oldestMs = Math.max(0, ...scans.map(({startedAt}) => clock.now() - startedAt));
    const retentionMs = oldestMs + this.#settings.tombstoneRetentionMs;
    const until = ranBefore(hlcAt(viewMs), retentionMs, store.read(readRuns));
    const after = this.#forgetAfter;
    const isAny = store.read(txn => {
      for (const {deletedAt} of take(txn.tombstones(after), tombstonesAtOnce)) if (deletedAt < until) return true;
      return false;
    });
    if (isAny || after) {
      this.#forgetAfter = await this.#write(txn => forgetTombstones(txn, {until, after, limit: tombstonesAtOnce}));
    }
  }
}

/** Who leads, and for the leader what it should scan and, if it asks, look at. Throws SESSION_UNKNOWN. */
function tell(txn: TreeRead, id: string, wantsSuspects: boolean): SessionProgress {
  const known = standingOf(txn, id);
  const progress = progressOf(known);
  if (progress.role !== 'leader') return {...progress, look_at: [], scans: []};
  return {
    ...progress,
    look_at: wantsSuspects ? suspectsToLookAt(txn, {now: known.now, aheadMs: lookAheadMs, limit: lookAtMax}) : [],
    scans: jobsToRun(txn).map(({id: job, path, isRecursive}) => ({
      job,
      path: toBytes(path).toString('base64url'),
      recursive: isRecursive,
    })),
  };
}

/** Whether an answer says what the pipe that asked does not know. */
function isNews({role, look_at, scans}: SessionProgress, {role: known = role, jobs}: HeartbeatRequest): boolean {
  return role !== known || look_at.length > 0 || scans.some(({job}) => !jobs.includes(job));
}

function outOfOrder(number: number, expected: number): FustorError {
  return new FustorError('BATCH_OUT_OF_ORDER', `Batch ${number} came before batch ${expected}.`, {details: {expected}});
}
