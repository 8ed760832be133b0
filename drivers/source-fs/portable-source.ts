import {type BigIntStats, lstatSync, readdirSync} from 'node:fs';
import {basename, resolve} from 'node:path';
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
import {scanGap} from './gap-scan.ts';
import {rangesOf} from './listing-ranges.ts';
import {isGone, type Mount, mountOf, mountState} from './mount.ts';
import {Rescans} from './rescans.ts';
import {runEntriesMax} from './sorted-runs.ts';
import {untilAborted} from './until-aborted.ts';

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
  readonly #guardMs: number;
  #sink!: EventSink;
  #mount!: Mount;
  #device = 0n;
  #watcher: FSWatcher | undefined;
  #guard: NodeJS.Timeout | undefined;
  #unavailable: string | undefined;
  #reopening: Promise<void> | undefined;
  /** The system numbers mounts and devices anew, so what was mounted again may look the same. */
  #isUnmounted = false;
  readonly #rescans = new Rescans(() => this.#rescan());
  #lastEventAt = 0;
  #known = 0;
  /** Directories that the system refused to watch, or something in them. */
  readonly #unwatched = new Set<Path>();
  readonly #closing = new AbortController();

  constructor(config: SourceConfig, {log, limits = {guardMs}}: {log: Log; limits?: {guardMs: number}}) {
    this.#config = config;
    this.#guardMs = limits.guardMs;
    this.#log = log;
    this.#exclude = createExclude(config.exclude);
    this.#root = Buffer.from(config.path);
  }

  async open(sink: EventSink): Promise<void> {
    this.#sink = sink;
    await this.#openRoot();
    this.#guard = setInterval(() => this.#checkMount(), this.#guardMs).unref();
  }

  async #openRoot(): Promise<void> {
    this.#mount = mountOf(this.#config.path);
    this.#device = lstatSync(`${this.#config.path}/.`, {bigint: true}).dev;
    this.#unwatched.clear();
    this.#isUnmounted = false;
    const watcher = watch(this.#config.path, {
      ignoreInitial: true,
      followSymlinks: false,
      alwaysStat: false,
      ignorePermissionErrors: true,
      ignored: text => this.#isLeftOut(this.#relative(text)),
    });
    this.#watcher = watcher;
    watcher.on('all', (_, text) => this.#onEvent(this.#relative(text)));
    watcher.on('raw', (event, name, details) => this.#onRaw(event, name, details));
    watcher.on('error', error => this.#onError(error));
    const ready = new Promise<void>(resolve => watcher.once('ready', () => resolve()));
    await untilAborted(ready, this.#closing.signal);
  }

  async scan({source, path, signal, onProgress, isRecursive = true}: ScanRequest): Promise<ScanResult> {
    const result: ScanResult = {...emptyResult};
    const frontier: Path[] = [path];
    if (!(await this.#isUsable())) return {...result, isComplete: false, reason: this.#unavailable ?? 'it is closed'};
    for (let at = frontier.pop(); at !== undefined; at = frontier.pop()) {
      if (signal.aborted || this.#closing.signal.aborted)
        return {...result, isComplete: false, reason: 'the scan was stopped'};
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
    this.#tellCoverage();
    return result;
  }

  async look(paths: readonly Path[]): Promise<Map<Path, Attributes | undefined>> {
    const found = new Map<Path, Attributes | undefined>();
    if (!(await this.#isUsable())) return found;
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
      ...this.#covered,
      overflows: 0,
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#guard);
    this.#rescans.stop();
    await this.#reopening;
    await this.#watcher?.close();
  }

  /** Those that were refused a watch are found by audits. */
  get #covered(): {watched: number; known: number} {
    const known = this.#known;
    return {watched: Math.max(0, known - this.#unwatched.size), known};
  }

  #tellCoverage(): void {
    this.#sink.emit({kind: 'phase', phase: 'coverage', ...this.#covered});
  }

  #onError(error: unknown): void {
    const {code, path: text} = error as NodeJS.ErrnoException;
    if (text === undefined || (code !== 'ENOSPC' && code !== 'EMFILE')) {
      this.#log.warn({error: String(error)}, 'chokidar');
      return;
    }
    const path = this.#relative(text);
    const look = this.#lookAt(path);
    const isDirectory = typeof look !== 'string' && look.isDirectory();
    if (this.#unwatched.size === 0) {
      const hint = 'raise the limits of watches (fs.inotify.max_user_watches) and of open files';
      this.#log.warn(
        {error: String(error), hint},
        'not every directory can be watched: audits find the changes in the others',
      );
    }
    this.#unwatched.add(isDirectory || path === rootPath ? path : splitPath(path).parent);
    if (this.#known > 0) this.#tellCoverage();
  }

  /** The last words of the root's own watch, as when it is unmounted, bear its name. Nothing in it has that name then. */
  #onRaw(event: string, name: string | null, details: unknown): void {
    const {watchedPath} = details as {watchedPath?: string};
    const root = resolve(this.#config.path);
    if (event !== 'rename' || name !== basename(root) || watchedPath !== root) return;
    if (typeof this.#lookAt(joinPath(rootPath, fromText(name))) !== 'string') return;
    this.#isUnmounted = true;
    this.#checkMount();
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

  /** Waits for a root that is being opened again. */
  async #isUsable(): Promise<boolean> {
    if (this.#checkMount()) return true;
    await this.#reopening;
    return this.#unavailable === undefined && !this.#closing.signal.aborted;
  }

  #checkMount(): boolean {
    if (this.#reopening || this.#closing.signal.aborted) return false;
    const {path} = this.#config;
    const state = mountState(path, {opened: this.#mount, hadEntries: this.#known > 1});
    if (state.is === 'unusable') {
      this.#tellUnavailable(state.reason);
      return false;
    }
    if (state.is === 'same' && !this.#isUnmounted && this.#unavailable === undefined) return true;
    this.#tellUnavailable(this.#unavailable ?? `${path} was mounted or made again`);
    this.#reopening = this.#reopen().finally(() => (this.#reopening = undefined));
    return false;
  }

  /** Watches hang on what was mounted when they were set, so all are made anew. */
  async #reopen(): Promise<void> {
    await this.#watcher?.close();
    try {
      if (!this.#closing.signal.aborted) await this.#openRoot();
    } catch (error) {
      this.#tellUnavailable(error instanceof Error ? error.message : String(error));
      return;
    }
    if (this.#closing.signal.aborted) return;
    this.#unavailable = undefined;
    this.#sink.emit({kind: 'phase', phase: 'available'});
    this.#sink.emit({kind: 'phase', phase: 'gap', path: rootPath, reason: 'the source was not available'});
    this.#rescans.plan();
  }

  #tellUnavailable(reason: string): void {
    if (this.#unavailable === reason) return;
    this.#unavailable = reason;
    this.#sink.emit({kind: 'phase', phase: 'unavailable', reason});
  }

  /** One that was stopped is due again: at once after the source was not available, else after a pause. */
  async #rescan(): Promise<void> {
    const {signal} = this.#closing;
    try {
      const {reason} = await scanGap({sink: this.#sink, scan: request => this.scan(request), signal});
      if (reason !== undefined && !signal.aborted && this.#unavailable === undefined) this.#rescans.plan();
    } catch (error) {
      this.#log.error({error: String(error)}, 'a rescan failed');
    }
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
