import {kinds} from '../../core/entry/entry.ts';
import {packRun} from '../../core/entry/packed.ts';
import {isBelow, joinPath, type Path, rootPath, splitPath} from '../../core/entry/path.ts';
import type {FsEvent, ListingEvent, ScanSource} from '../../core/protocol/events.ts';
import type {EventSink, ScanRequest, ScanResult, Source, SourceStatus} from '../../core/source/source.ts';
import type {Prng} from '../lib/prng.ts';
import type {ClientEvent, SimClient} from './sim-client.ts';
import type {VirtualTime} from './virtual-time.ts';

/** Entries in one range of a listing: so small that ranges happen. */
const rangeEntries = 3;

/** A watcher and scanner on a simulated mount; it promises what `Source` does and loses events only when it is told to. */
export class SimSource implements Source {
  readonly #client: SimClient;
  readonly #time: VirtualTime;
  readonly #random: Prng;
  #sink: EventSink | undefined;
  #isDeaf = false;
  #gaps = 0;
  /** Overflows after which not everything was read again. */
  #unread = 0;
  /** Paths that were removed or renamed through this client, in order. */
  readonly #left: Path[] = [];

  constructor(client: SimClient, parts: {time: VirtualTime; random: Prng}) {
    this.#client = client;
    this.#time = parts.time;
    this.#random = parts.random;
  }

  async open(sink: EventSink): Promise<void> {
    this.#sink = sink;
    this.#client.onEvent = event => this.#hear(event);
  }

  /** The kernel's queue overflows: what happens in the next `ms` is not heard; then a gap is told, and a rescan follows. */
  overflow(ms: number): void {
    this.#isDeaf = true;
    this.#unread++;
    this.#time.after(ms, () => {
      this.#isDeaf = false;
      if (!this.#sink) return;
      this.#gaps++;
      this.#sink.emit({kind: 'phase', phase: 'gap', path: rootPath, reason: 'overflow'});
      const request = {
        source: 'on_demand',
        path: rootPath,
        isFull: true,
        signal: new AbortController().signal,
      } as const;
      this.#time.after(1_000, async () => {
        await this.scan(request);
        this.#unread--;
      });
    });
  }

  /** Tells of a file that is not there, of one that went and of one that moved, all at times that are wrong by `ms`. */
  forge(path: Path, to: Path, ms: number): void {
    const sink = this.#sink;
    if (!sink) return;
    const observedAt = sink.now() + ms;
    const seconds = Math.floor(ms / 1000) + 1_767_225_600;
    const time = {seconds, nanos: 0};
    const attributes = {kind: kinds.file, size: 0, mtime: time, ctime: time};
    sink.emit({kind: 'upsert', path, attributes, isAtomic: true, observedAt});
    sink.emit({kind: 'move', from: path, to, observedAt});
    sink.emit({kind: 'delete', path: to, observedAt});
    sink.emit({kind: 'upsert', path, attributes, isAtomic: false, observedAt});
  }

  async scan({source, path, signal}: ScanRequest): Promise<ScanResult> {
    const result: ScanResult = {isComplete: true, directories: 0, entries: 0, unreadable: 0, unchanged: 0};
    const frontier: Path[] = [path];
    while (!signal.aborted && this.#sink) {
      const next = frontier.splice(this.#random.below(frontier.length), 1)[0];
      if (next === undefined) return result;
      const evidence = this.#sink.evidence();
      await this.#time.sleep(this.#random.below(20), signal);
      const listed = this.#client.list(next);
      if (!listed) continue;
      result.directories++;
      result.entries += listed.entries.length;
      const readAfter = this.#left.length;
      for (const range of listingRanges(next, source, evidence, listed)) {
        await this.#sink?.offer({
          kind: 'deferred',
          byteLength: 200,
          resolve: () => this.#ifStill(next, readAfter, range),
        });
      }
      for (const {kind, name} of listed.entries) if (kind === kinds.directory) frontier.push(joinPath(next, name));
    }
    return {...result, isComplete: false, reason: 'the scan was stopped'};
  }

  async look(paths: readonly Path[]): ReturnType<Source['look']> {
    await this.#time.sleep(this.#random.below(10));
    return new Map(paths.map(path => [path, this.#client.look(path)]));
  }

  /** It hears and looks in one turn. */
  async settle(): ReturnType<Source['settle']> {
    return this.#unread > 0 ? {reason: 'gap', message: 'overflow'} : undefined;
  }

  status(): SourceStatus {
    return {isAvailable: true, reason: undefined, watched: 1, known: 1, overflows: this.#gaps};
  }

  async close(): Promise<void> {
    if (this.#sink) this.#client.onEvent = () => {};
    this.#sink = undefined;
  }

  /** What was read of a directory means nothing once it was heard that it left, as the source's nodes have it. */
  #ifStill(path: Path, readAfter: number, event: FsEvent): FsEvent | undefined {
    const hasLeft = this.#left.slice(readAfter).some(left => left === path || isBelow(path, left));
    return hasLeft ? undefined : event;
  }

  #hear(event: ClientEvent): void {
    const sink = this.#sink;
    if (!sink || this.#isDeaf) return;
    if (event.kind === 'removed' || event.kind === 'moved') this.#left.push(event.path);
    for (const told of realtimeEvents(this.#client, event, sink.now())) sink.emit(told);
    if ('isNew' in event && event.isNew) this.#tellNew(event.path);
  }

  /** What is in a new directory is told as a listing. */
  #tellNew(path: Path): void {
    const sink = this.#sink;
    const listed = this.#client.list(path);
    if (sink && listed) for (const range of listingRanges(path, 'snapshot', sink.evidence(), listed)) sink.emit(range);
  }
}

/** What a watcher makes of what it heard: it looks at once, at the name and at the directory that holds it. */
export function* realtimeEvents({storage}: SimClient, event: ClientEvent, observedAt: number): Iterable<FsEvent> {
  const {path} = event;
  if (event.kind === 'removed') yield {kind: 'delete', path, observedAt};
  if (event.kind === 'moved') yield {kind: 'move', from: path, to: event.to, observedAt};
  const subject = event.kind === 'moved' ? event.to : path;
  for (const changed of [subject, splitPath(path).parent, splitPath(subject).parent]) {
    const inode = storage.at(changed);
    if (!inode) continue;
    const isAtomic = changed !== path || event.kind !== 'changed';
    yield {kind: 'upsert', path: changed, attributes: storage.attributes(inode), isAtomic, observedAt};
  }
}

/** A reading as the ranges in which it travels. */
export function* listingRanges(
  path: Path,
  source: ScanSource,
  evidence: number,
  {self, entries}: NonNullable<ReturnType<SimClient['list']>>,
): Iterable<FsEvent> {
  const base = {kind: 'listing', source, path, self, evidence} as const;
  let after: ListingEvent['after'];
  for (let at = 0; at === 0 || at < entries.length; at += rangeEntries) {
    const some = entries.slice(at, at + rangeEntries);
    const until = at + rangeEntries < entries.length ? some.at(-1)!.name : undefined;
    yield {...base, after, until, entries: packRun(some)};
    after = until;
  }
}
