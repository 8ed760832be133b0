import type {ByteString} from '../../core/entry/byte-string.ts';
import {joinPath, type Path, rootPath} from '../../core/entry/path.ts';
import type {FsEvent} from '../../core/protocol/events.ts';
import {type EventSink, emptyResult, type ScanRequest, type ScanResult} from '../../core/source/source.ts';
import type {Hlc} from '../../core/time/hlc.ts';
import type {DirectoryReading} from './directory-reader.ts';
import {type DirectoryRead, type DirectoryReads, type ScanMark, tooLongError} from './directory-reads.ts';
import {rangesOf} from './listing-ranges.ts';
import {isGone} from './mount.ts';
import {rootLost} from './root-door.ts';
import type {Node, WatchTree} from './watch-tree.ts';

/** Directories that a scan has under way: being looked at, or looked at and waiting for room … */
const looksMax = 128;
/** … of which these may hold so much before no more are begun. */
const waitingBytesMax = 32 << 20;

export type ScanParts = {tree: WatchTree; reads: DirectoryReads; sink: EventSink; crossesFileSystems: boolean};
export type ScanOrder = Pick<ScanRequest, 'source' | 'isFull' | 'signal' | 'onProgress' | 'isRecursive'>;

/** A directory that was looked at, and whose events wait for room. */
type Looked = {node: Node; bytes: number} & (({is: 'read'} & DirectoryRead) | {is: 'unchanged'; evidence: Hlc});

/**
 * One walk over a directory and all below it. Its frontier holds nodes, not paths, so it goes on where a directory was
 * renamed, and a listing asks its node for the path when it leaves. One that is not full does not read what is unchanged,
 * but goes down into it all the same: what changes below a directory does not change the directory.
 */
export class Scan {
  readonly #parts: ScanParts;
  readonly #request: ScanOrder;
  readonly #result: ScanResult = {...emptyResult};
  readonly #mark: ScanMark = {};
  readonly #start: Node;
  readonly #frontier: Node[];
  readonly #waiting: Looked[] = [];
  #looking = 0;
  #waitingBytes = 0;
  #wake = () => {};

  constructor(parts: ScanParts, start: Node, request: ScanOrder) {
    this.#parts = parts;
    this.#request = request;
    this.#start = start;
    this.#frontier = [start];
  }

  async run(): Promise<ScanResult> {
    const {signal, onProgress} = this.#request;
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        this.#begin();
        const next = this.#waiting.shift();
        if (next) await this.#offer(next);
        else if (this.#looking === 0) return this.#result;
        else await new Promise<void>(resolve => (this.#wake = resolve));
        onProgress?.(this.#result);
      }
    } finally {
      signal.removeEventListener('abort', wake);
      this.#parts.reads.ended(this.#mark);
    }
    return {...this.#result, isComplete: false, reason: reasonOf(signal)};
  }

  #begin(): void {
    while (this.#looking + this.#waiting.length < looksMax && this.#waitingBytes < waitingBytesMax) {
      const node = this.#frontier.pop();
      if (!node) return;
      this.#looking++;
      const isWatchDue = node.watch === -1 && this.#parts.reads.hotSet.isDue(node);
      if (this.#request.isFull || node.stamp === 0 || isWatchDue) this.#read(node);
      else this.#check(node);
    }
  }

  #check(node: Node): void {
    this.#parts.reads.check(node, (isUnchanged, evidence) => {
      if (!isUnchanged) return this.#read(node);
      if (this.#isRecursive) for (const child of node.children?.values() ?? []) this.#frontier.push(child);
      this.#looked({node, bytes: 0, is: 'unchanged', evidence});
    });
  }

  #read(node: Node): void {
    this.#parts.reads.read(node, this.#mark, read => {
      if (this.#isRecursive) for (const child of read.children ?? []) this.#frontier.push(child);
      this.#looked({node, bytes: bytesOf(read.reading), is: 'read', ...read});
    });
  }

  get #isRecursive(): boolean {
    return this.#request.isRecursive !== false;
  }

  #looked(looked: Looked): void {
    this.#looking--;
    this.#result.directories++;
    this.#waitingBytes += looked.bytes;
    this.#waiting.push(looked);
    this.#wake();
  }

  async #offer(looked: Looked): Promise<void> {
    if (looked.is === 'read') await this.#offerRead(looked.node, looked);
    else await this.#offerUnchanged(looked.node, looked.evidence);
    this.#parts.reads.offered(looked.node);
    this.#waitingBytes -= looked.bytes;
  }

  async #offerRead(node: Node, read: DirectoryRead): Promise<void> {
    const {reading, children, evidence} = read;
    const result = this.#result;
    if (node === this.#start && !children && (typeof reading !== 'string' || isGone(reading))) {
      result.isUnknown = true; // gone, or another one stands there
    }
    if (typeof reading !== 'string') {
      if (!children) return;
      await this.#offerListing(node, evidence, reading);
      this.#parts.reads.told(node, read);
    } else if (reading === rootLost) {
      result.isComplete = false;
      result.reason = 'the root of the source does not answer, or is not what it was';
    } else if (!isGone(reading)) {
      result.unreadable++;
      result.isComplete = false;
      await this.#offerUnreadable(node, evidence, reading);
    }
  }

  async #offerUnchanged(node: Node, evidence: Hlc): Promise<void> {
    const {source} = this.#request;
    this.#result.unchanged++;
    await this.#offerFor(node, 0, path => ({kind: 'unchanged', source, path, evidence}));
  }

  async #offerListing(node: Node, evidence: Hlc, reading: DirectoryReading): Promise<void> {
    const {source} = this.#request;
    const result = this.#result;
    result.entries += reading.count;
    for (const range of rangesOf(rootPath, source, evidence, reading)) {
      await this.#offerFor(node, range.entries.byteLength, path => ({...range, path}));
    }
    if (reading.tooLong > 0) {
      result.unreadable++;
      result.isComplete = false;
      await this.#offerUnreadable(node, evidence, tooLongError);
    }
    if (this.#parts.crossesFileSystems) return;
    for (const {name, isOtherFileSystem} of reading.directories) {
      if (isOtherFileSystem) await this.#offerUnreadable(node, evidence, 'EXDEV', name);
    }
  }

  #offerUnreadable(node: Node, evidence: Hlc, error: string, name?: ByteString): Promise<void> {
    const {source} = this.#request;
    return this.#offerFor(node, 0, directory => {
      const path = name === undefined ? directory : joinPath(directory, name);
      return {kind: 'unreadable', source, path, evidence, error};
    });
  }

  /** The path is bound when the event leaves: until then the directory may be renamed. */
  #offerFor(node: Node, bytes: number, event: (path: Path) => FsEvent): Promise<void> {
    const resolve = () => {
      const path = this.#parts.tree.pathOf(node);
      return path === undefined ? undefined : event(path);
    };
    return this.#parts.sink.offer({kind: 'deferred', byteLength: bytes + 200, resolve});
  }
}

/** Why a scan was stopped: the text that its signal was aborted with, if there is one. */
function reasonOf({reason}: AbortSignal): string {
  return typeof reason === 'string' ? reason : 'the scan was stopped';
}

function bytesOf(reading: DirectoryReading | string): number {
  return typeof reading === 'string' ? 0 : reading.runs.reduce((sum, run) => sum + run.byteLength, 0);
}
