import {expect, test} from 'vitest';
import {fromText} from '../entry/byte-string.ts';
import type {Path} from '../entry/path.ts';
import {FustorError} from '../errors/fustor-error.ts';
import type {Log} from '../log/log.ts';
import {decodeBatch} from '../protocol/codec.ts';
import type {SessionProgress} from '../protocol/session.ts';
import type {Sender} from '../sender/sender.ts';
import type {EventSink, ScanRequest, Source} from '../source/source.ts';
import type {Clock} from '../time/clock.ts';
import {Pipe} from './pipe.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise(resolve => {
      setTimeout(resolve, Math.min(ms, 5));
      signal?.addEventListener('abort', () => resolve(), {once: true});
    }),
};
const settings = {
  name: 'p',
  view: 'v',
  agentId: 'a',
  instance: 'i',
  sourcePath: '/x',
  auditIntervalMs: 1e9,
  sentinelIntervalMs: 1e9,
  batchEventsMax: 1,
  batchBytesMax: 1e6,
  batchDelayMs: 0,
  windowBatches: 4,
};

/** A source whose scan tells of so many directories. */
function sourceOf(directories: number): Source & {scans: string[]; sink?: EventSink} {
  const source: Source & {scans: string[]; sink?: EventSink} = {
    scans: [],
    open: async sink => {
      source.sink = sink;
    },
    scan: async ({source: kind}: ScanRequest) => {
      source.scans.push(kind);
      for (let i = 0; i < directories; i++) {
        const path = fromText(`/d${i}`) as Path;
        await source.sink!.offer({kind: 'unchanged', source: kind, path, evidence: source.sink!.evidence()});
      }
      return {isComplete: true, directories, entries: 0, unreadable: 0};
    },
    look: async () => new Map(),
    settle: async () => {},
    status: () => ({isAvailable: true, reason: undefined, watched: 0, known: 0, overflows: 0}),
    close: async () => {},
  };
  return source;
}

/** A view that stores what it is sent; `answer` may hold up or refuse the answer to a batch. */
function viewWith(answer: (number: number, progress: SessionProgress) => Promise<SessionProgress>) {
  const view = {stored: [] as number[], sessions: 0, hasSnapshot: false, hlc: 100};
  const progress = (): SessionProgress => ({
    role: 'leader',
    hlc: ++view.hlc,
    last_batch: view.stored.length,
    has_snapshot: view.hasSnapshot,
    look_at: [],
  });
  const sender: Sender = {
    open: async () => {
      view.sessions++;
      const {look_at: _, ...rest} = progress();
      return {session_id: `v.${view.sessions}`, is_resumed: false, session_timeout_ms: 1e9, ...rest};
    },
    heartbeat: async () => progress(),
    send: async ({number, bytes}) => {
      const {events} = decodeBatch(bytes, 0);
      if (!view.stored.includes(number)) view.stored.push(number);
      view.hasSnapshot ||= events.some(event => event.kind === 'phase' && event.phase === 'scan_end');
      return answer(number, progress());
    },
    end: async () => {},
    close: async () => {},
  };
  return {view, sender};
}

async function run(source: Source, sender: Sender, isDone: () => boolean): Promise<void> {
  const stop = new AbortController();
  const running = new Pipe(settings, {source, sender, clock, random: () => 0.5, log}).run(stop.signal);
  while (!isDone()) await new Promise(resolve => setTimeout(resolve, 1));
  // Time enough for a second scan to begin, if one were wrongly due.
  for (let i = 0; i < 30; i++) await new Promise(resolve => setTimeout(resolve, 1));
  stop.abort();
  await running;
}

test('an answer that was given earlier and arrives later does not begin the snapshot again', async () => {
  const source = sourceOf(20);
  const late = Promise.withResolvers<void>();
  const {view, sender} = viewWith(async (number, progress) => {
    if (number === 20) await late.promise; // given before the snapshot's end, delivered behind it
    if (view.hasSnapshot) setTimeout(() => late.resolve(), 5);
    return progress;
  });
  await run(source, sender, () => view.hasSnapshot);
  expect({scans: source.scans, batches: view.stored.length}).toEqual({scans: ['snapshot'], batches: 22});
});

test('what is not confirmed is sent again after a lost connection, in order and once', async () => {
  const source = sourceOf(20);
  const failed = new Set<number>();
  const {view, sender} = viewWith(async (number, progress) => {
    if (number % 5 === 0 && !failed.has(number)) {
      failed.add(number);
      throw new FustorError('UNREACHABLE', 'the line went dead');
    }
    return progress;
  });
  await run(source, sender, () => view.hasSnapshot && view.stored.length === 22);
  expect(view.stored).toEqual(Array.from({length: 22}, (_, index) => index + 1));
  expect({sessions: view.sessions, failed: failed.size}).toEqual({sessions: 1, failed: 4});
});

test('a session that the view does not know any more is opened again, with the same events from number 1', async () => {
  const source = sourceOf(3);
  let isLost = false;
  const {view, sender} = viewWith(async (number, progress) => {
    if (number === 2 && !isLost) {
      isLost = true;
      view.stored.length = 0;
      throw new FustorError('SESSION_UNKNOWN', 'it timed out');
    }
    return progress;
  });
  await run(source, sender, () => view.hasSnapshot);
  expect({sessions: view.sessions, scans: source.scans}).toEqual({sessions: 2, scans: ['snapshot']});
});

test('a pipe that has nothing to tell opens a new session too, when a heartbeat says that the view does not know it', async () => {
  const source = sourceOf(1);
  const {view, sender} = viewWith(async (_, progress) => progress);
  const {heartbeat} = sender;
  sender.heartbeat = async (session, request, signal) => {
    if (session === 'v.1' && view.hasSnapshot) throw new FustorError('SESSION_UNKNOWN', 'it timed out');
    return heartbeat(session, request, signal);
  };
  await run(source, sender, () => view.sessions === 2);
  expect({sessions: view.sessions, scans: source.scans}).toEqual({sessions: 2, scans: ['snapshot']});
});

test('a new session is told what the earlier one knew of the source', async () => {
  const source = sourceOf(1);
  source.status = () => ({isAvailable: false, reason: 'unmounted', watched: 7, known: 9, overflows: 0});
  const {view, sender} = viewWith(async (_, progress) => progress);
  const {heartbeat, send} = sender;
  const told: unknown[] = [];
  sender.heartbeat = async (session, request, signal) => {
    if (session === 'v.1' && view.hasSnapshot) throw new FustorError('SESSION_UNKNOWN', 'it timed out');
    return heartbeat(session, request, signal);
  };
  sender.send = async (batch, signal) => {
    if (batch.session === 'v.2') told.push(...decodeBatch(batch.bytes, 0).events);
    return send(batch, signal);
  };
  await run(source, sender, () => told.length >= 2);
  expect(told).toEqual([
    {kind: 'phase', phase: 'coverage', watched: 7, known: 9},
    {kind: 'phase', phase: 'unavailable', reason: 'unmounted'},
  ]);
});
