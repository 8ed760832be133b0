import {type BigIntStats, lstatSync, readdirSync} from 'node:fs';
import {type FSWatcher, watch} from 'chokidar';
import type {SourceConfig} from '../../core/config/schema.ts';
import {type ByteString, fromBytes, fromText, toBytes} from '../../core/entry/byte-string.ts';
import {
  type Attributes,
  type FileTime,
  kinds,
  newEntryFrom,
  type ObservedEntry,
  zeroTime,
} from '../../core/entry/entry.ts';
import {packRun} from '../../core/entry/packed.ts';
import {isPath, joinPath, nameBytesMax, type Path, rootPath, splitPath} from '../../core/entry/path.ts';
import {systemErrorCode} from '../../core/errors/fustor-error.ts';
import type {Log} from '../../core/log/log.ts';
import type {Unreached} from '../../core/protocol/sync-point.ts';
import {
  type EventSink,
  emptyResult,
  type ScanRequest,
  type ScanResult,
  type Source,
  type SourceStatus,
} from '../../core/source/source.ts';
import {createExclude, type Exclude, isSillyName} from './exclude.ts';
import {rangesOf} from './listing-ranges.ts';
import {isGone, type Mount, mountOf, mountState} from './mount.ts';
import {runEntriesMax} from './sorted-runs.ts';

const guardMs = 5_000;
/** chokidar tells nothing when it is done: after so long without an event it is taken to be. */
const quietMs = 300;

/**
 * A directory through Node's own file system and chokidar: where there is no inotify, and slower. What it cannot do: it does
 * not see a file being closed (so a change is never atomic and the file stays suspect until its threshold has passed), a
 * rename is a deletion and a creation, and changes of names that are not UTF-8 are only found by scans.
 */
export class PortableSource implements Source {
  readonly #config: SourceConfig;
  readonly #log: Log;
  readonly #exclude: Exclude | undefined;
  readonly #root: Buffer;
  #sink!: EventSink;
  #mount!: Mount;
  #device = 0n;
  #watcher: FSWatcher | undefined;
  #guard: NodeJS.Timeout | undefined;
  #unavailable: string | undefined;
  #lastEventAt = 0;
  #known = 0;
  #isClosed = false;

  constructor(config: SourceConfig, {log}: {log: Log}) {
    this.#config = config;
    this.#log = log;
    this.#exclude = createExclude(config.exclude);
    this.#root = Buffer.from(config.path);
  }

  async open(sink: EventSink): Promise<void> {
    this.#sink = sink;
    this.#mount = mountOf(this.#config.path);
    this.#device = lstatSync(`${this.#config.path}/.`, {bigint: true}).dev;
    const watcher = watch(this.#config.path, {
      ignoreInitial: true,
      followSymlinks: false,
      alwaysStat: false,
      ignorePermissionErrors: true,
      ignored: text => this.#isLeftOut(this.#relative(text)),
    });
    this.#watcher = watcher;
    watcher.on('all', (_, text) => this.#onEvent(this.#relative(text)));
    watcher.on('error', error => this.#log.warn({error: String(error)}, 'chokidar'));
    await new Promise<void>(resolve => watcher.once('ready', () => resolve()));
    this.#guard = setInterval(() => this.#checkMount(), guardMs).unref();
  }

  async scan({source, path, signal, onProgress, isRecursive = true}: ScanRequest): Promise<ScanResult> {
    const result: ScanResult = {...emptyResult};
    const frontier: Path[] = [path];
    for (let at = frontier.pop(); at !== undefined; at = frontier.pop()) {
      if (signal.aborted || this.#isClosed) return {...result, isComplete: false, reason: 'the scan was stopped'};
      if (!this.#checkMount()) return {...result, isComplete: false, reason: this.#unavailable!};
      const evidence = this.#sink.evidence();
      const reading = this.#read(at);
      if (typeof reading === 'string') {
        if (isGone(reading)) {
          if (at === path) result.isUnknown = true;
          continue;
        }
        result.unreadable++;
        result.isComplete = false;
        await this.#sink.offer({kind: 'unreadable', source, path: at, evidence, error: reading});
        continue;
      }
      result.directories++;
      result.entries += reading.count;
      for (const range of rangesOf(at, source, evidence, reading)) await this.#sink.offer(range);
      if (reading.tooLong > 0) {
        result.unreadable++;
        result.isComplete = false;
        await this.#sink.offer({kind: 'unreadable', source, path: at, evidence, error: 'ENAMETOOLONG'});
      }
      for (const {name, isOtherFileSystem} of reading.directories) {
        const child = joinPath(at, name);
        if (!isOtherFileSystem || this.#config.crossesFileSystems) isRecursive && frontier.push(child);
        else await this.#sink.offer({kind: 'unreadable', source, path: child, evidence, error: 'EXDEV'});
      }
      onProgress?.(result);
      await new Promise(resolve => setImmediate(resolve));
    }
    if (path !== rootPath || !isRecursive) return result;
    this.#known = result.directories;
    this.#sink.emit({kind: 'phase', phase: 'coverage', watched: result.directories, known: result.directories});
    return result;
  }

  async look(paths: readonly Path[]): Promise<Map<Path, Attributes | undefined>> {
    const found = new Map<Path, Attributes | undefined>();
    if (!this.#checkMount()) return found;
    for (const path of paths) {
      const look = this.#lookAt(path);
      if (typeof look !== 'string') found.set(path, attributesOf(look));
      else if (isGone(look)) found.set(path, undefined);
    }
    return found;
  }

  async settle(): Promise<Unreached> {
    this.#lastEventAt = performance.now();
    while (performance.now() - this.#lastEventAt < quietMs)
      await new Promise(resolve => setTimeout(resolve, quietMs / 4));
    return {
      reason: 'not_supported',
      message: 'chokidar, which watches there, does not say when it has told everything.',
    };
  }

  status(): SourceStatus {
    return {
      isAvailable: this.#unavailable === undefined,
      reason: this.#unavailable,
      watched: this.#known,
      known: this.#known,
      overflows: 0,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#guard);
    await this.#watcher?.close();
  }

  /** Whatever chokidar says of a path: the path is looked at, and so is the directory that holds it. */
  #onEvent(path: Path): void {
    this.#lastEventAt = performance.now();
    if (!this.#checkMount()) return;
    if (isPath(path)) this.#tell(path);
    if (path !== rootPath) this.#tell(splitPath(path).parent);
  }

  #tell(path: Path): void {
    const look = this.#lookAt(path);
    const observedAt = this.#sink.now();
    if (typeof look === 'string') {
      if (isGone(look) && path !== rootPath) this.#sink.emit({kind: 'delete', path, observedAt});
      return;
    }
    const attributes = attributesOf(look);
    this.#sink.emit({kind: 'upsert', path, attributes, isAtomic: attributes.kind !== kinds.file, observedAt});
  }

  #isLeftOut(path: Path): boolean {
    return path !== rootPath && (isSillyName(splitPath(path).name) || (this.#exclude?.(path) ?? false));
  }

  #relative(text: string): Path {
    const below = text.slice(this.#config.path.length).replace(/^\/+|\/+$/g, '');
    return `/${fromText(below)}` as Path;
  }

  #absolute(path: Path): Buffer {
    return path === rootPath
      ? Buffer.concat([this.#root, Buffer.from('/.')])
      : Buffer.concat([this.#root, toBytes(path)]);
  }

  /** What stands at a path, or the name of the error. */
  #lookAt(path: Path): BigIntStats | string {
    try {
      return lstatSync(this.#absolute(path), {bigint: true});
    } catch (error) {
      return systemErrorCode(error) ?? String(error);
    }
  }

  #read(path: Path): Reading | string {
    const self = this.#lookAt(path);
    if (typeof self === 'string') return self;
    let names: Buffer[];
    try {
      names = readdirSync(this.#absolute(path), {encoding: 'buffer'});
    } catch (error) {
      return systemErrorCode(error) ?? String(error);
    }
    const entries: ObservedEntry[] = [];
    const directories: Reading['directories'] = [];
    let tooLong = 0;
    for (const bytes of names) {
      const name = fromBytes(bytes);
      const child = joinPath(path, name);
      if (this.#isLeftOut(child)) continue;
      if (name.length > nameBytesMax) {
        tooLong++;
        continue;
      }
      const stats = this.#lookAt(child);
      if (typeof stats === 'string') {
        if (!isGone(stats)) entries.push({...unseen, name});
        continue;
      }
      entries.push({...attributesOf(stats), name, hasAttributes: true});
      if (stats.isDirectory()) directories.push({name, isOtherFileSystem: stats.dev !== this.#device});
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    const runs: Uint8Array[] = [];
    do {
      const some = entries.slice(runs.length * runEntriesMax, (runs.length + 1) * runEntriesMax);
      runs.push(packRun(some.map(entry => ({...newEntryFrom(entry.name, entry), hasAttributes: entry.hasAttributes}))));
    } while (runs.length * runEntriesMax < entries.length);
    return {self: attributesOf(self), runs, count: entries.length, directories, tooLong};
  }

  #checkMount(): boolean {
    const state = mountState(this.#config.path, {opened: this.#mount, hadEntries: this.#known > 1});
    const reason = state.is === 'unusable' ? state.reason : undefined;
    if (reason === this.#unavailable) return reason === undefined;
    this.#unavailable = reason;
    this.#sink.emit(
      reason === undefined ? {kind: 'phase', phase: 'available'} : {kind: 'phase', phase: 'unavailable', reason},
    );
    return reason === undefined;
  }
}

type Reading = {
  self: Attributes;
  runs: Uint8Array[];
  count: number;
  directories: {name: ByteString; isOtherFileSystem: boolean}[];
  /** Names that are left out, because they have more than `nameBytesMax` bytes. */
  tooLong: number;
};

const unseen = {kind: kinds.other, size: 0, mtime: zeroTime, ctime: zeroTime, hasAttributes: false};

function attributesOf(stats: BigIntStats): Attributes {
  const kind = stats.isFile()
    ? kinds.file
    : stats.isDirectory()
      ? kinds.directory
      : stats.isSymbolicLink()
        ? kinds.symlink
        : kinds.other;
  return {kind, size: Number(stats.size), mtime: fileTime(stats.mtimeNs), ctime: fileTime(stats.ctimeNs)};
}

function fileTime(nanoseconds: bigint): FileTime {
  const nanos = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return {seconds: Number((nanoseconds - nanos) / 1_000_000_000n), nanos: Number(nanos)};
}
