import {toBytes} from '../../../core/entry/byte-string.ts';
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
import {
  heartbeat,
  type Ingestion,
  ingest,
  progressOf,
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
  silentSessions,
} from '../../../core/session/session.ts';
import type {Clock} from '../../../core/time/clock.ts';
import {hlcAt, shiftHlc} from '../../../core/time/hlc.ts';
import type {TreeSettings} from '../../../core/tree/context.ts';
import {reviewSuspects} from '../../../core/tree/suspects.ts';
import {forgetTombstones} from '../../../core/tree/tombstones.ts';
import type {TreeRead, TreeStore} from '../../../core/tree/tree-store.ts';
import type {StoredJob} from '../../../core/view/jobs.ts';
import {BatchOrder} from './batch-order.ts';
import type {EngineMetrics} from './engine-metrics.ts';

export type EngineSettings = TreeSettings & {view: string; sessionTimeoutMs: number};

export type EngineParts = {
  store: TreeStore;
  clock: Clock;
  log: Log;
  metrics: EngineMetrics;
  /** A fresh random part for the id of a session or a job. */
  randomId: () => string;
  /** Keeps a rejected batch for inspection; resolves to where. */
  keepAside: (batch: {session: string; number: number; bytes: Uint8Array; reason: string}) => Promise<string>;
};

export type ReceivedBatch = {session: string; number: number; sentAt: number; bytes: Uint8Array};

/** Due suspects are told this long before their time, so that they have been looked at when it comes. */
const lookAheadMs = 3_600_000;
const lookAtMax = 1_000;
const reviewedAtOnce = 1_000;
const collectedAtOnce = 512;
const tombstonesIntervalMs = 60_000;

/** The only writer of a view: what agents say becomes sessions, clock and tree, one transaction for each message. */
export class Engine {
  readonly #settings: EngineSettings;
  readonly #parts: EngineParts;
  readonly #order = new BatchOrder();
  /** Raised when there may be something to tell to a pipe. */
  readonly #news = new Signal();
  #hasOrphans = true;
  #tombstonesAt = Number.NEGATIVE_INFINITY;

  constructor(settings: EngineSettings, parts: EngineParts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  /** Before the first message: everybody gets a full timeout, because nobody could be heard until now. */
  async start(): Promise<void> {
    const {store, clock} = this.#parts;
    await store.write(txn => graceAll(txn, clock.now()));
  }

  async open(request: OpenSessionRequest, key: string): Promise<OpenSessionAnswer> {
    const {store, clock, log, randomId} = this.#parts;
    const nowMs = clock.now();
    const timeoutMs = this.#settings.sessionTimeoutMs;
    const answer = await store.write(txn => {
      const id = `${this.#settings.view}.${randomId()}`;
      const {session, isResumed} = openSession(txn, request, {id, key, nowMs, timeoutMs});
      return {
        session_id: session.id,
        role: session.role,
        hlc: tick(txn, nowMs),
        last_batch: session.lastBatch,
        is_resumed: isResumed,
        has_snapshot: readViewState(txn).snapshotCompletedAt !== 0,
        session_timeout_ms: timeoutMs,
      };
    });
    this.#news.raise();
    const {session_id, role, is_resumed} = answer;
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
    const {queued, wants_suspects} = request;
    const {session} = await store.write(txn => heartbeat(txn, {session: id, queued, nowMs: clock.now()}));
    const waitMs = Math.min(request.wait_ms, heldMsMax, session.timeoutMs / 2);
    const until = clock.monotonic() + waitMs;
    for (;;) {
      const seen = this.#news.count;
      const told = store.read(txn => tell(txn, id, wants_suspects));
      const leftMs = until - clock.monotonic();
      if (leftMs <= 0 || signal.aborted || isNews(told, request)) return told;
      await this.#news.wait(signal, seen, {clock, ms: leftMs});
    }
  }

  /** A job for a scan that somebody asks for, told to the leader at once. Throws TOO_MANY_JOBS. */
  async requestScan(asked: {path: Path; isRecursive: boolean}, key: string): Promise<{job: StoredJob; isNew: boolean}> {
    const {store, clock, log, randomId} = this.#parts;
    const id = randomId();
    const requested = await store.write(txn => requestScan(txn, {id, ...asked, key, nowMs: clock.now()}));
    if (requested.isNew) {
      log.info({job: id, path: toBytes(asked.path).toString(), key}, 'a scan is asked for');
      this.#news.raise();
    }
    return requested;
  }

  /** Resolves when the batch's effects are stored; a batch that was stored before is confirmed again. */
  async receive(received: ReceivedBatch): Promise<SessionProgress> {
    const arrivedAtMs = this.#parts.clock.now();
    const lastBatch = () => this.#parts.store.read(txn => getSession(txn, received.session).lastBatch);
    const turn = await this.#order.turn(received, lastBatch);
    try {
      return {...progressOf(await this.#apply(received, arrivedAtMs)), look_at: [], scans: []};
    } finally {
      turn.end();
    }
  }

  async end(id: string): Promise<void> {
    const nowMs = this.#parts.clock.now();
    await this.#parts.store.write(txn => {
      endSession(txn, id, nowMs);
      tick(txn, nowMs);
    });
    this.#news.raise();
    this.#parts.log.info({session: id}, 'session ended');
  }

  /** What time brings: silent sessions end, suspects are cleared, space is freed. Called about once a second. */
  async tick(): Promise<void> {
    const {store, clock, log, metrics} = this.#parts;
    const nowMs = clock.now();
    if (store.read(txn => silentSessions(txn, nowMs)).length > 0) {
      const silent = await store.write(txn => {
        tick(txn, nowMs);
        return endSilentSessions(txn, nowMs);
      });
      this.#news.raise();
      for (const {id, agent, role} of silent) log.warn({session: id, agent, role}, 'session timed out');
    }
    await this.#reviewSuspects(nowMs);
    if (clock.monotonic() - this.#tombstonesAt >= tombstonesIntervalMs) {
      this.#tombstonesAt = clock.monotonic();
      await this.#forgetTombstones(nowMs);
    }
    while (this.#hasOrphans) this.#hasOrphans = await store.write(txn => txn.collect(collectedAtOnce));
    this.#news.raise(); // suspects may have come
    metrics.observe(store);
  }

  async #apply({session, number, sentAt, bytes}: ReceivedBatch, arrivedAtMs: number): Promise<Ingestion> {
    const {store, metrics, log} = this.#parts;
    try {
      const batch = this.#decode({session, number, sentAt, bytes});
      const startedAt = performance.now();
      const done = await store.write(txn => {
        const expected = getSession(txn, session).lastBatch + 1;
        if (number > expected) throw outOfOrder(number, expected);
        return ingest(txn, batch, {arrivedAtMs, settings: this.#settings});
      });
      this.#hasOrphans ||= (done.arbitration?.counted ?? 0) > 0;
      metrics.committed(done, batch.events.length, (performance.now() - startedAt) / 1000);
      return done;
    } catch (error) {
      if (error instanceof FustorError && error.code !== 'BATCH_REJECTED') throw error;
      // A batch that cannot be applied would come again for ever: it is kept aside, and the stream goes on.
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const file = await this.#parts.keepAside({session, number, bytes, reason});
      await store.write(txn => skipBatch(txn, {session, number}, arrivedAtMs));
      metrics.rejected();
      log.error({session, batch: number, file, reason}, 'a batch was rejected and kept aside');
      if (error instanceof FustorError) throw error;
      throw new FustorError('BATCH_REJECTED', `Batch ${number} could not be applied: ${String(error)}`, {
        cause: error,
        details: {kept: file},
      });
    }
  }

  #decode({session, number, sentAt, bytes}: ReceivedBatch): Batch {
    const batch = decodeBatch(bytes, sentAt);
    if (batch.session === session && batch.number === number) return batch;
    throw new FustorError(
      'BATCH_REJECTED',
      `The batch says session ${batch.session}, number ${batch.number}; it was sent as ${session}, number ${number}.`,
    );
  }

  async #reviewSuspects(nowMs: number): Promise<void> {
    const {store} = this.#parts;
    const {hotFileThresholdMs: thresholdMs} = this.#settings;
    const isDue = () =>
      store.read(txn => {
        for (const _ of txn.suspects(hlcAt(nowMs))) return true;
        return false;
      });
    if (!isDue()) return;
    let reviewed: number;
    do {
      reviewed = await store.write(txn =>
        reviewSuspects(txn, {now: tick(txn, nowMs), thresholdMs, limit: reviewedAtOnce}),
      );
    } while (reviewed === reviewedAtOnce);
  }

  /** No scan that began before a deletion may be running when its tombstone goes. */
  async #forgetTombstones(nowMs: number): Promise<void> {
    const {store} = this.#parts;
    const scans = store.read(txn => readSessions(txn).flatMap(session => session.scans));
    const earliest = Math.min(nowMs, ...scans.map(({startedAt}) => startedAt));
    const until = shiftHlc(hlcAt(earliest), -this.#settings.tombstoneRetentionMs);
    const isAny = store.read(txn => {
      for (const {deletedAt} of txn.tombstones()) if (deletedAt < until) return true;
      return false;
    });
    if (isAny) await store.write(txn => forgetTombstones(txn, until));
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
