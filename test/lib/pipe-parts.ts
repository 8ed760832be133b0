import {fromText} from '../../core/entry/byte-string.ts';
import type {Path} from '../../core/entry/path.ts';
import type {Log} from '../../core/log/log.ts';
import {MemorySpool} from '../../core/pipe/memory-spool.ts';
import {Pipe} from '../../core/pipe/pipe.ts';
import {decodeBatch} from '../../core/protocol/codec.ts';
import type {FsEvent} from '../../core/protocol/events.ts';
import type {HeartbeatRequest, OrderedScan, SessionProgress, SessionRole} from '../../core/protocol/session.ts';
import type {SyncPointRequest} from '../../core/protocol/sync-point.ts';
import type {Sender} from '../../core/sender/sender.ts';
import type {EventSink, ScanRequest, Source, SourceStatus} from '../../core/source/source.ts';
import type {Clock} from '../../core/time/clock.ts';
import {until} from './until.ts';

export const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
export const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise(resolve => {
      // The second between two words of progress stays one.
      setTimeout(resolve, ms === 1_000 ? ms : Math.min(ms, 5));
      signal?.addEventListener('abort', () => resolve(), {once: true});
    }),
};
export const settings = {
  name: 'p',
  view: 'v',
  agentId: 'a',
  instance: 'i',
  sourcePath: '/x',
  auditIntervalMs: 1e9,
  sentinelIntervalMs: 1e9,
  fullAuditEvery: 4,
  batchEventsMax: 1,
  batchBytesMax: 1e6,
  batchDelayMs: 0,
  windowBatches: 4,
};
export const path = (text: string) => fromText(text) as Path;

export type Scanned = {source: ScanRequest['source']; path: Path; isRecursive?: boolean | undefined};

/** A source whose scan tells of so many directories. `hold` keeps a scan until its promise resolves, or it is stopped. */
export function sourceOf(directories: number, hold: (scan: Scanned) => Promise<void> | undefined = () => undefined) {
  const source = {
    scans: [] as string[],
    asked: [] as Scanned[],
    fulls: [] as boolean[],
    sink: undefined as EventSink | undefined,
    known: ['/', '/d'],
    open: async (sink: EventSink) => {
      source.sink = sink;
    },
    scan: async ({source: kind, path: at, isFull, isRecursive, signal, onProgress}: ScanRequest) => {
      source.asked.push({source: kind, path: at, isRecursive});
      const result = {isComplete: true, directories: 0, entries: 0, unreadable: 0, unchanged: 0};
      if (!source.known.includes(at)) return {...result, isComplete: false, reason: 'not known', isUnknown: true};
      source.scans.push(kind);
      source.fulls.push(isFull);
      const stopped = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), {once: true}));
      await Promise.race([hold({source: kind, path: at}), stopped]);
      if (signal.aborted) return {...result, isComplete: false, reason: 'the scan was stopped'};
      for (let i = 0; i < directories; i++) {
        const found = path(`/d${i}`);
        await source.sink!.offer({kind: 'unchanged', source: kind, path: found, evidence: source.sink!.evidence()});
        onProgress?.({directories: i + 1, entries: 0});
      }
      return {...result, directories};
    },
    look: async () => new Map(),
    settle: async () => undefined,
    status: (): SourceStatus => ({isAvailable: true, reason: undefined, watched: 0, known: 0, overflows: 0}),
    close: async () => {},
  } satisfies Source & Record<string, unknown>;
  return source;
}

/** A view that stores what it is sent; `answer` may hold up or refuse the answer to a batch. */
export function viewWith(
  answer: (number: number, progress: SessionProgress) => Promise<SessionProgress> = async (_, p) => p,
) {
  const view = {
    stored: [] as number[],
    events: [] as FsEvent[],
    sessions: 0,
    hasSnapshot: false,
    hlc: 100,
    role: 'leader' as SessionRole,
    orders: [] as OrderedScan[],
    beats: [] as HeartbeatRequest[],
    /** Sync points that somebody wants, and what was told of them. */
    wanted: [] as string[],
    syncPoints: [] as NonNullable<SyncPointRequest['told']>[],
    phases: (scan: string) =>
      view.events.flatMap(event => (event.kind === 'phase' && 'scan' in event && event.scan === scan ? [event] : [])),
  };
  const progress = (): SessionProgress => ({
    role: view.role,
    hlc: ++view.hlc,
    last_batch: view.stored.length,
    has_snapshot: view.hasSnapshot,
    look_at: [],
    scans: [],
  });
  const sender: Sender = {
    open: async () => {
      view.sessions++;
      const {look_at: _, scans: __, ...rest} = progress();
      return {session_id: `v.${view.sessions}`, is_resumed: false, session_timeout_ms: 1e9, ...rest};
    },
    heartbeat: async (_, request) => {
      view.beats.push(request);
      return {...progress(), scans: view.role === 'leader' ? view.orders : []};
    },
    syncPoint: (_, {told}, signal) =>
      new Promise(resolve => {
        if (told) view.syncPoints.push(told);
        const wanted = view.wanted.shift();
        if (wanted !== undefined) resolve({wanted});
        else signal.addEventListener('abort', () => resolve({wanted: null}), {once: true});
      }),
    send: async ({number, bytes}) => {
      const {events} = decodeBatch(bytes, 0);
      if (!view.stored.includes(number)) {
        view.stored.push(number);
        view.events.push(...events);
      }
      view.hasSnapshot ||= events.some(event => event.kind === 'phase' && event.phase === 'scan_end');
      return answer(number, progress());
    },
    end: async () => {},
    close: async () => {},
  };
  return {view, sender};
}

export async function run(source: Source, sender: Sender, isDone: () => boolean, changes = {}): Promise<void> {
  const stop = new AbortController();
  const pipe = new Pipe(
    {...settings, ...changes},
    {source, sender, spool: new MemorySpool(), clock, random: () => 0.5, log},
  );
  const running = pipe.run(stop.signal);
  await until(isDone, {everyMs: 1, timeoutMs: 4_000});
  // Time enough for a second scan to begin, if one were wrongly due.
  for (let i = 0; i < 30; i++) await new Promise(resolve => setTimeout(resolve, 1));
  stop.abort();
  await running;
}
