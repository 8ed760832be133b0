import {fromBytes} from '../entry/byte-string.ts';
import {kinds} from '../entry/entry.ts';
import {isPath, type Path, rootPath} from '../entry/path.ts';
import {FustorError} from '../errors/fustor-error.ts';
import type {Log} from '../log/log.ts';
import {encodeBatch} from '../protocol/codec.ts';
import {type FsEvent, isRealtime, type ScanSource} from '../protocol/events.ts';
import {heldMsMax, type OpenSessionAnswer, type SessionProgress, type SessionRole} from '../protocol/session.ts';
import type {SyncPointRequest} from '../protocol/sync-point.ts';
import type {Sender} from '../sender/sender.ts';
import type {EventSink, Source, SourceEvent} from '../source/source.ts';
import type {Clock} from '../time/clock.ts';
import {type Backoff, backoffMs} from './backoff.ts';
import {Bus} from './bus.ts';
import {DueRescans} from './due-rescans.ts';
import {HeardValues} from './heard-values.ts';
import {type Order, OrderedScans} from './ordered-scans.ts';
import {Outbox, type OutgoingBatch} from './outbox.ts';
import {isOwnGap, lostByView, renamedTooOften} from './own-gaps.ts';
import type {Loss} from './realtime-lane.ts';
import {RescanPause} from './rescan-pause.ts';
import {type RunningScan, ScanRunner} from './scan-runner.ts';
import {Signal} from './signal.ts';
import type {Spool} from './spool.ts';
import {reachSyncPoint} from './sync-points.ts';
import {ToldUntil} from './told-until.ts';

export type PipeSettings = {
  name: string;
  view: string;
  agentId: string;
  /** New with each start of the process. */
  instance: string;
  sourcePath: string;
  auditIntervalMs: number;
  sentinelIntervalMs: number;
  fullAuditEvery: number;
  batchEventsMax: number;
  batchBytesMax: number;
  batchDelayMs: number;
  windowBatches: number;
};

/** `spool` takes the realtime events that have no room in memory; `run` closes it. */
export type PipeParts = {
  source: Source;
  sender: Sender;
  spool: Spool;
  clock: Clock;
  random: () => number;
  log: Log;
};

export type PipeStatus = {
  role: SessionRole | undefined;
  session: string | undefined;
  isConnected: boolean;
  /** Events that wait, and those of them that wait on the disk. */
  queued: number;
  spooled: number;
  spooledBytes: number;
  unconfirmed: number;
  /** How often the view was told, or will be, that something could not be kept and is read again. */
  gaps: number;
  /** Rescans that are due for that. */
  rescansDue: number;
  work: Work;
  lastError: string | undefined;
  scans: RunningScan[];
};

/**
 * For a supervisor. `done` grows with everything that the pipe gets done: batches that are confirmed, progress of scans. `pending`
 * counts events that the pipe could get rid of by itself: 0 while the view cannot be reached or refuses what it is sent.
 */
export type Work = {done: number; pending: number};

const busLimits = {
  memoryEventsMax: 50_000,
  memoryBytesMax: 16 * 2 ** 20,
  renamesMax: 8,
  scanBytesMax: 8 * 2 ** 20,
};
const quietFailureMs = 3_000;
/** A heartbeat that was held for so long may be followed by another at once. */
const heldMsMin = 1_000;
const retry: Backoff = {minMs: 100, maxMs: 10_000};
const rejectedReason = 'a part of what it found was rejected';

/**
 * From a source to a view: watches first, then scans what its role asks for, and sends everything in numbered batches
 * until it is confirmed. `run` ends when the signal does, and rejects when the source as a whole cannot work.
 *
 * The session survives both sides: a lost connection or a restarted fusion is answered by sending again what is not
 * confirmed. Only when the view says that it does not know the session is a new one opened, by the same instance, with
 * the same unconfirmed events.
 */
export class Pipe {
  readonly #settings: PipeSettings;
  readonly #parts: PipeParts;
  readonly #bus: Bus;
  readonly #outbox = new Outbox();
  readonly #wake = new Signal();
  #session: OpenSessionAnswer | undefined;
  /** The session that the batches in the outbox were made for. */
  #lastSession: string | undefined;
  #role: SessionRole | undefined;
  /** Grows with each change of role: what was queued in an earlier one may have been thrown away. */
  #term = 0;
  #hlc = 0;
  readonly #heard = new HeardValues();
  #hasSnapshot = false;
  #isConnected = false;
  /** The last batch was not taken: the view has no room, or no engine. */
  #isRefused = false;
  #done = 0;
  #gaps = 0;
  /** What the log was told to be thrown away, until nothing waits on the disk any more. */
  #hasToldLoss = false;
  #lastError: string | undefined;
  #failingSince: number | undefined;
  #hasWarned = false;
  readonly #toldUntil: ToldUntil;
  readonly #scans: ScanRunner;
  /** This instance has looked at everything once, so nothing has escaped its watcher. */
  #hasScanned = false;
  readonly #rescans = new DueRescans();
  readonly #rescanPause = new RescanPause();
  /** Since the last full scan began. */
  #hasRejected = false;
  readonly #ordered = new OrderedScans((order, signal) =>
    this.#runScan({source: 'on_demand', isFull: true, order}, signal),
  );
  /** The session that was told all that a full scan of ours may tell in its role, and how many audits have skipped since. */
  #toldInFull: string | undefined;
  #skippingAudits = 0;

  constructor(settings: PipeSettings, parts: PipeParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#bus = new Bus(busLimits, {
      spool: parts.spool,
      onEvent: () => this.#wake.raise(),
      onLoss: loss => this.#tellLoss(loss),
    });
    const {source, clock, log} = parts;
    this.#toldUntil = new ToldUntil(source, clock);
    this.#scans = new ScanRunner({
      source,
      clock,
      log,
      instance: settings.instance,
      offer: event => this.#offer(event),
      term: () => this.#term,
      onProgress: () => this.#done++,
    });
  }

  status(): PipeStatus {
    return {
      role: this.#role,
      session: this.#session?.session_id,
      isConnected: this.#isConnected,
      queued: this.#bus.length,
      spooled: this.#bus.spooled.events,
      spooledBytes: this.#bus.spooled.bytes,
      unconfirmed: this.#outbox.eventCount,
      gaps: this.#gaps,
      rescansDue: this.#rescans.size,
      work: this.#work(),
      lastError: this.#lastError,
      scans: this.#scans.running,
    };
  }

  /**
   * Has everything at and below a path read, beside what is under way. False: this pipe does not lead, so the view would take
   * nothing of it.
   */
  scanNow(path: Path): boolean {
    if (this.#role !== 'leader' || !this.#isConnected) return false;
    this.#ordered.add(this.#scans.orderOf(path));
    return true;
  }

  #work(): Work {
    const isAble = this.#isConnected && !this.#isRefused;
    return {done: this.#done, pending: isAble ? this.#bus.length + this.#outbox.eventCount : 0};
  }

  async run(signal: AbortSignal): Promise<void> {
    const {source, sender, spool} = this.#parts;
    const stop = new AbortController();
    const stopped = AbortSignal.any([signal, stop.signal]);
    if (!(await opened(source, this.#sink(), signal))) return;
    // Who waits for room in the queue would wait for ever.
    stopped.addEventListener('abort', () => this.#bus.close(), {once: true});
    try {
      await Promise.all(
        [
          this.#sendAll(stopped),
          this.#beat(stopped),
          this.#scanAll(stopped),
          this.#ordered.run(stopped),
          this.#tellSyncPoints(stopped),
        ].map(part =>
          part.catch(error => {
            stop.abort();
            throw error;
          }),
        ),
      );
    } finally {
      await source.close();
      await sender.close();
      spool.close();
    }
  }

  #sink(): EventSink {
    return {
      emit: event => this.#bus.emit(event),
      offer: event => this.#offer(event),
      evidence: () => this.#hlc,
      now: () => this.#parts.clock.monotonic(),
    };
  }

  /** The gap that took the place of what was thrown away is on its way, and so the rescan. */
  #tellLoss({path, reason, events}: Loss): void {
    this.#gaps++;
    if (!this.#hasToldLoss) this.#parts.log.error({path, reason, events}, 'events were thrown away; a rescan follows');
    this.#hasToldLoss = true;
    this.#tellStatus();
    if (this.#parts.source.status().isAvailable) this.#bus.emit({kind: 'phase', phase: 'available'});
  }

  /** A follower scans only to place its watches: what it lists is not asked for. */
  async #offer(event: SourceEvent): Promise<void> {
    if (this.#role === 'leader') await this.#bus.offer(event);
  }

  // ── Sending

  async #sendAll(signal: AbortSignal): Promise<void> {
    const under = new Set<Promise<void>>();
    while (!signal.aborted) {
      const session = await this.#ensureSession(signal);
      if (!session) return;
      // A lost connection or a refused order ends the round; the next begins with what is not confirmed.
      const round = new AbortController();
      const ended = AbortSignal.any([signal, round.signal]);
      let failure: unknown;
      const send = (batch: OutgoingBatch) => {
        const sending = this.#send(session.session_id, batch, ended)
          .catch(error => {
            failure ??= error;
            round.abort();
          })
          .finally(() => {
            under.delete(sending);
            this.#wake.raise();
          });
        under.add(sending);
      };
      for (const batch of this.#outbox.pending()) send(batch);
      while (!ended.aborted && this.#session === session) {
        const seen = this.#wake.count;
        if (this.#outbox.length >= this.#settings.windowBatches || !(await this.#isBatchDue(ended))) {
          await this.#wake.wait(ended, seen);
          continue;
        }
        const {batchEventsMax, batchBytesMax} = this.#settings;
        const events = this.#bus.take({eventsMax: batchEventsMax, bytesMax: batchBytesMax});
        if (events.length === 0) continue;
        for (const event of events) this.#rescans.sent(event);
        const encode = (number: number) => this.#encode(session.session_id, number, events);
        send(this.#outbox.add(events, encode, this.#onViewsClock(this.#toldUntil.latest)));
      }
      round.abort('over');
      await Promise.all(under);
      // A heartbeat may have learnt that the view does not know the session: then a new one is opened at once.
      if (!signal.aborted && this.#session === session) await this.#recover(failure, signal);
    }
  }

  /** Waits a moment for company, so that a burst travels together. */
  async #isBatchDue(signal: AbortSignal): Promise<boolean> {
    if (this.#bus.length === 0) return false;
    const {batchEventsMax, batchBytesMax} = this.#settings;
    if (this.#bus.length < batchEventsMax && this.#bus.scanBytes < batchBytesMax) {
      await this.#parts.clock.sleep(this.#settings.batchDelayMs, signal);
    }
    return !signal.aborted;
  }

  async #send(session: string, batch: OutgoingBatch, signal: AbortSignal): Promise<void> {
    try {
      await this.#sendInOrder(session, batch, signal);
    } catch (error) {
      if (!(error instanceof FustorError) || error.code !== 'BATCH_REJECTED') throw error;
      // The view kept it aside. What it said is looked at again instead, with evidence that is later than the gap in its place.
      this.#hlc = Math.max(this.#hlc, Number(error.details?.hlc ?? 0));
      this.#parts.log.error(
        {batch: batch.number, events: batch.events.length, error: error.message},
        'a batch was rejected',
      );
      this.#confirmed(this.#outbox.confirm(batch.number));
      this.#rescans.add(rootPath);
      this.#hasRejected = true;
      for (const event of batch.events) {
        // A scan whose end is not heard would seem to run for ever. Told once more; what is wrong may be that very event.
        if (event.kind !== 'phase' || event.phase !== 'scan_end' || event.reason === rejectedReason) continue;
        await this.#offer({...event, isComplete: false, reason: rejectedReason});
      }
    }
  }

  /** One that overtook others for so long that the view gave up waiting for them is sent again behind them: they go on. */
  async #sendInOrder(session: string, batch: OutgoingBatch, signal: AbortSignal): Promise<void> {
    const {sender, clock} = this.#parts;
    const {number, bytes, toldUntil} = batch;
    for (;;) {
      try {
        const progress = await sender.send({session, number, sentAt: clock.monotonic(), toldUntil, bytes}, signal);
        this.#note(progress);
        this.#confirmed(this.#outbox.confirm(number));
        return;
      } catch (error) {
        if (!isOutOfOrder(error) || this.#outbox.first === number) throw error;
        while (this.#outbox.first !== number) {
          if (signal.aborted) throw error;
          await this.#wake.wait(signal, this.#wake.count);
        }
      }
    }
  }

  #confirmed(batches: readonly OutgoingBatch[]): void {
    this.#done += batches.length;
    if (batches.length > 0) this.#isRefused = false;
    for (const event of batches.flatMap(({events}) => events)) {
      if (isOwnGap(event, renamedTooOften)) this.#gaps++;
      this.#rescans.stored(event);
    }
    this.#wake.raise();
    if (this.#bus.length === 0) this.#hasToldLoss = false;
  }

  /** After a failed round: a new session when the view does not know this one, else a pause. */
  async #recover(failure: unknown, signal: AbortSignal): Promise<void> {
    if (failure instanceof FustorError && failure.code === 'SESSION_UNKNOWN') {
      this.#loseSession(failure.message);
      return;
    }
    const {first} = this.#outbox;
    if (isOutOfOrder(failure) && first !== undefined && Number(failure.details?.expected) < first) {
      await this.#beginAnew(failure, signal);
      return;
    }
    this.#isRefused = true;
    this.#fail(failure);
    await this.#pause(0, signal, failure);
  }

  /**
   * The view does not have a batch that it has confirmed: its store was put back, by whomever. Nobody has what was in it, so the
   * session cannot go on, and everything is read again: by this pipe, or if it does not lead, by the one that does.
   */
  async #beginAnew({message}: {message: string}, signal: AbortSignal): Promise<void> {
    const session = this.#session!.session_id;
    this.#parts.log.error({session, error: message}, `${lostByView}: all is read again`);
    await this.#parts.sender.end(session, signal).catch(error => this.#fail(error));
    if (this.#session?.session_id === session) this.#loseSession(message);
    this.#gaps++;
    this.#bus.emit({kind: 'phase', phase: 'gap', path: rootPath, reason: lostByView});
  }

  // ── The session

  async #ensureSession(signal: AbortSignal): Promise<OpenSessionAnswer | undefined> {
    const {agentId, name, view, instance, sourcePath} = this.#settings;
    for (let attempt = 0; !signal.aborted; attempt++) {
      if (this.#session) return this.#session;
      try {
        const request = {view, schema: 'fs' as const, agent_id: agentId, pipe: name, instance, source: sourcePath};
        const session = await this.#parts.sender.open(request, signal);
        const isKnown = session.session_id === this.#lastSession;
        if (!isKnown && this.#lastSession !== undefined) this.#tellStatus();
        this.#session = session;
        this.#lastSession = session.session_id;
        // Not `is_resumed`: the answer that first told of this session may have been lost.
        if (isKnown) this.#heard.interrupt();
        else this.#heard.clear();
        const confirmed = isKnown ? this.#outbox.confirmUntil(session.last_batch) : [];
        if (!isKnown) this.#outbox.restart((number, events) => this.#encode(session.session_id, number, events));
        this.#hlc = session.hlc;
        this.#note({...session, look_at: [], scans: []});
        this.#confirmed(confirmed);
        const {session_id, role, is_resumed} = session;
        this.#parts.log.info({session: session_id, role, isResumed: is_resumed}, 'session opened');
        this.#wake.raise();
        return session;
      } catch (error) {
        if (signal.aborted) break;
        this.#fail(error);
        await this.#pause(attempt, signal, error);
      }
    }
    return undefined;
  }

  /** What an earlier session was told of the source, for one that takes its place. */
  #tellStatus(): void {
    const {watched, known, isAvailable, reason} = this.#parts.source.status();
    if (known > 0) this.#bus.emit({kind: 'phase', phase: 'coverage', watched, known});
    if (!isAvailable) this.#bus.emit({kind: 'phase', phase: 'unavailable', reason: reason ?? 'unknown'});
  }

  #loseSession(reason: string): void {
    if (!this.#session) return;
    this.#parts.log.warn({session: this.#session.session_id, reason}, 'session lost');
    this.#session = undefined;
    this.#isConnected = false;
    this.#wake.raise();
  }

  /** Answers come over several connections: one that was given earlier may arrive later, and then says nothing new. */
  #note({role, hlc, has_snapshot}: SessionProgress): void {
    if (this.#hasWarned) this.#parts.log.info({}, 'connected again');
    this.#hasWarned = false;
    this.#failingSince = undefined;
    this.#isConnected = true;
    this.#lastError = undefined;
    this.#wake.raise();
    this.#heard.hear(hlc, this.#parts.clock.monotonic());
    if (hlc < this.#hlc) return;
    if (this.#role !== role) {
      this.#parts.log.info({role}, 'role');
      this.#term++;
      this.#toldInFull = undefined;
      if (role === 'follower') {
        this.#bus.dropScans();
        this.#ordered.drop();
      }
    }
    this.#role = role;
    this.#hlc = hlc;
    this.#hasSnapshot = has_snapshot;
  }

  #encode(session: string, number: number, events: readonly FsEvent[]): Uint8Array {
    const heard = this.#heard.for(events.find(isRealtime)?.observedAt);
    return encodeBatch({session, number, heard, events});
  }

  /** A fusion that starts or changes its gateways is not worth a warning; one that stays away is. */
  #fail(error: unknown): void {
    const {clock, log} = this.#parts;
    const message = error instanceof Error ? error.message : String(error);
    this.#failingSince ??= clock.monotonic();
    const isWorthIt = clock.monotonic() - this.#failingSince >= quietFailureMs;
    if (isWorthIt && !(this.#hasWarned && message === this.#lastError)) {
      this.#hasWarned = true;
      log.warn({error: message}, 'the view cannot be reached; trying again');
    }
    this.#lastError = message;
    this.#isConnected = false;
  }

  /** Not shorter than the view asked for. */
  #pause(attempt: number, signal: AbortSignal, failure?: unknown): Promise<void> {
    const leastMs = failure instanceof FustorError ? failure.retryAfterMs : undefined;
    return this.#parts.clock.sleep(backoffMs(retry, attempt, this.#parts.random(), leastMs), signal);
  }

  /** A moment of the agent's clock, as the view can tell it. Undefined while nothing was heard of the view's. */
  #onViewsClock(at: number | undefined): OutgoingBatch['toldUntil'] {
    const heard = this.#heard.for(at);
    return heard && at !== undefined ? {hlc: heard.hlc, ms: at - heard.at} : undefined;
  }

  /**
   * One heartbeat is always under way: the view holds it until there is something to tell, so a scan that is asked for and a
   * change of role are known at once.
   */
  async #beat(signal: AbortSignal): Promise<void> {
    const {clock, sender} = this.#parts;
    const {sentinelIntervalMs} = this.#settings;
    let lookedAt = clock.monotonic();
    let attempt = 0;
    while (!signal.aborted) {
      const seen = this.#wake.count;
      const session = this.#session;
      if (!session) {
        await this.#wake.wait(signal, seen);
        continue;
      }
      const untilSentinelMs = sentinelIntervalMs - (clock.monotonic() - lookedAt);
      const isSentinelDue = untilSentinelMs <= 0 && this.#role === 'leader' && this.#hasScanned;
      const limits = [session.session_timeout_ms / 3, heldMsMax, ...(untilSentinelMs > 0 ? [untilSentinelMs] : [])];
      const wait_ms = Math.ceil(Math.min(...limits));
      const told = await this.#toldUntil.ask(signal);
      if (signal.aborted || this.#session !== session) continue;
      const queued = this.#bus.realtimeLength + this.#outbox.realtimeCount;
      const toldUntil = this.#onViewsClock(told);
      const known = {...(this.#role && {role: this.#role}), jobs: this.#ordered.known};
      const confirmed = this.#outbox.confirmedUpTo;
      const askedAt = clock.monotonic();
      try {
        const request = {queued, toldUntil, wants_suspects: isSentinelDue, wait_ms, ...known};
        const progress = await sender.heartbeat(session.session_id, request, signal);
        if (progress.last_batch < confirmed && this.#session === session) {
          const message = `The view has batches up to ${progress.last_batch}; it had confirmed those up to ${confirmed}.`;
          await this.#beginAnew({message}, signal);
          continue;
        }
        this.#note(progress);
        const isNew = this.#role === 'leader' && this.#ordered.take(progress.scans);
        const isTold = isNew || progress.role !== known.role || progress.look_at.length > 0;
        if (progress.look_at.length > 0) {
          lookedAt = clock.monotonic();
          await this.#look(progress.look_at);
        }
        if (isTold || clock.monotonic() - askedAt >= Math.min(wait_ms, heldMsMin)) attempt = 0;
        // A gateway that leaves does not hold it, or somebody wants to know how far we are: not all the time.
        else await this.#pause(attempt++, signal);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof FustorError) || error.code !== 'SESSION_UNKNOWN') this.#fail(error);
        else if (this.#session === session) this.#loseSession(error.message);
        await this.#pause(attempt++, signal, error);
      }
    }
  }

  /**
   * While it leads, one question for a sync point is always under way, held by the view until somebody wants one: so it is known
   * at once, whatever the heartbeat's answer is being used for.
   */
  async #tellSyncPoints(signal: AbortSignal): Promise<void> {
    const {clock, sender, source} = this.#parts;
    const parts = {source, bus: this.#bus, outbox: this.#outbox, rescans: this.#rescans, wake: this.#wake};
    const leading = () => this.#leading;
    let told: SyncPointRequest['told'];
    let attempt = 0;
    while (!signal.aborted) {
      const seen = this.#wake.count;
      const session = this.#session;
      if (!session || !this.#leading) {
        told = undefined;
        await this.#wake.wait(signal, seen);
        continue;
      }
      const askedAt = clock.monotonic();
      const wait_ms = Math.ceil(Math.min(session.session_timeout_ms / 3, heldMsMax));
      try {
        const {wanted} = await sender.syncPoint(session.session_id, {told, wait_ms}, signal);
        if (wanted !== null || clock.monotonic() - askedAt >= wait_ms) attempt = 0;
        else await this.#pause(attempt++, signal);
        told = wanted === null ? undefined : {id: wanted, unreached: await reachSyncPoint({...parts, leading}, signal)};
      } catch (error) {
        if (signal.aborted) break;
        // A view of an earlier version has no sync points, until it is upgraded.
        const isOld = error instanceof FustorError && error.code === 'ROUTE_NOT_FOUND';
        if (isOld) await clock.sleep(heldMsMax, signal);
        else await this.#pause(attempt++, signal, error);
      }
    }
  }

  get #leading(): {session: string; hasToldAll: boolean} | undefined {
    if (!this.#session || this.#role !== 'leader') return undefined;
    const session = this.#session.session_id;
    return {session, hasToldAll: this.#hasSnapshot && this.#toldInFull === session};
  }

  /** The sentinel: looks again at what may still be being written, past every cache. */
  async #look(lookAt: readonly string[]): Promise<void> {
    const paths = lookAt.map(text => fromBytes(Buffer.from(text, 'base64url'))).filter(isPath);
    if (paths.length === 0) return;
    const evidence = this.#hlc;
    const found = await this.#parts.source.look(paths as Path[]);
    for (const [path, attributes] of found) {
      await this.#offer({kind: 'sentinel', path, evidence, attributes});
      // No directory is suspect, so this one is in doubt, and so is all below it.
      if (attributes?.kind === kinds.directory) this.#ordered.add(this.#scans.orderOf(path));
    }
  }

  // ── Scanning

  /**
   * First a full reading: the view's first snapshot, or for a view that has one an audit, because changes were missed while
   * this pipe was not running. Then an audit in each interval, and a rescan after a gap of this pipe's own.
   */
  async #scanAll(signal: AbortSignal): Promise<void> {
    const {clock} = this.#parts;
    let auditedAt = clock.monotonic();
    while (!signal.aborted) {
      const seen = this.#wake.count;
      const source = this.#role && this.#dueScan(clock.monotonic() - auditedAt);
      if (!source) {
        const now = clock.monotonic();
        const untilAudit = this.#settings.auditIntervalMs - (now - auditedAt);
        const untilRescan = this.#rescanPause.leftMs(now) || Number.POSITIVE_INFINITY;
        await this.#wake.wait(signal, seen, {clock, ms: Math.max(10, Math.min(untilAudit, untilRescan))});
        continue;
      }
      const due = this.#rescans.begin(source === 'on_demand' ? 'next' : 'all');
      const [path = rootPath] = due;
      const order = source === 'on_demand' && path !== rootPath ? this.#scans.orderOf(path) : undefined;
      // An audit that takes the place of rescans skips nothing either.
      const isFull = due.length > 0 || !this.#maySkip(source);
      const isOfRejected = this.#hasRejected && !order;
      if (isOfRejected) this.#hasRejected = false;
      const beganAt = clock.monotonic();
      const isDone = await this.#runScan({source, isFull, order}, signal);
      if (isOfRejected) this.#rescanPause.ended({beganAt, now: clock.monotonic()});
      this.#rescans.ended(isDone);
      if (isDone) {
        if (order) continue;
        this.#hasScanned = true;
        auditedAt = clock.monotonic();
      } else if (!signal.aborted) {
        await clock.sleep(retry.maxMs, signal);
      }
    }
  }

  /** A follower reads again too, and tells nothing: to watch under their new names what other clients renamed. */
  #dueScan(sinceAuditMs: number): ScanSource | undefined {
    const mayRescan = this.#rescanPause.leftMs(this.#parts.clock.monotonic()) === 0;
    const isSnapshotDue = this.#role === 'leader' && !this.#hasSnapshot && !this.#isAwaitingSnapshot();
    if (isSnapshotDue && mayRescan) return 'snapshot';
    if (!this.#hasScanned) return this.#hasSnapshot ? 'audit' : 'snapshot';
    // What waits may rename it.
    const isRescanDue = this.#rescans.size > 0 && this.#bus.realtimeLength === 0 && mayRescan;
    if (isRescanDue && this.#role === 'leader') return 'on_demand';
    return sinceAuditMs >= this.#settings.auditIntervalMs ? 'audit' : undefined;
  }

  /** The end of the snapshot is on its way, and the view has not said yet that it has it. */
  #isAwaitingSnapshot(): boolean {
    return this.#hasScanned && (this.#bus.length > 0 || this.#outbox.length > 0);
  }

  /** Resolves to whether everything was looked at. `order`: a part of the source, else all of it. */
  async #runScan(
    request: {source: ScanSource; isFull: boolean; order?: Order | undefined},
    signal: AbortSignal,
  ): Promise<boolean> {
    const session = this.#session?.session_id;
    const isComplete = await this.#scans.run(request, signal);
    if (isComplete && !request.order) this.#noteScan(request.isFull, session);
    return isComplete;
  }

  /** Only an audit may, of what this session was told in full, and not every n-th: a write in place changes no directory. */
  #maySkip(source: ScanSource): boolean {
    const wasTold = this.#toldInFull !== undefined && this.#toldInFull === this.#session?.session_id;
    return source === 'audit' && wasTold && this.#skippingAudits + 1 < this.#settings.fullAuditEvery;
  }

  #noteScan(isFull: boolean, session: string | undefined): void {
    this.#skippingAudits = isFull ? 0 : this.#skippingAudits + 1;
    if (isFull) this.#toldInFull = session;
  }
}

/** False when it was stopped before: a source waits for its storage. */
async function opened(source: Source, sink: EventSink, signal: AbortSignal): Promise<boolean> {
  const stop = () => void source.close();
  signal.addEventListener('abort', stop, {once: true});
  try {
    await source.open(sink);
    return !signal.aborted;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function isOutOfOrder(error: unknown): error is FustorError {
  return error instanceof FustorError && error.code === 'BATCH_OUT_OF_ORDER';
}
