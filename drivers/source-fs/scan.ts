import type {ByteString} from '../../core/entry/byte-string.ts';
import {joinPath, type Path, rootPath} from '../../core/entry/path.ts';
import type {FsEvent} from '../../core/protocol/events.ts';
import type {EventSink, ScanRequest, ScanResult} from '../../core/source/source.ts';
import type {DirectoryReading} from './directory-reader.ts';
import type {DirectoryReads} from './directory-reads.ts';
import {rangesOf} from './listing-ranges.ts';
import {isGone} from './mount.ts';
import type {Node, WatchTree} from './watch-tree.ts';

/** Directories that a scan has under way: being read, or read and waiting for room … */
const readingsMax = 128;
/** … of which these may hold so much before no more are begun. */
const waitingBytesMax = 32 << 20;

export type ScanParts = {tree: WatchTree; reads: DirectoryReads; sink: EventSink; crossesFileSystems: boolean};
export type ScanOrder = Pick<ScanRequest, 'source' | 'signal' | 'onProgress' | 'isRecursive'>;

type Read = {node: Node; evidence: number; reading: DirectoryReading | string; isRegistered: boolean};

/**
 * One walk over a directory and all below it. Its frontier holds nodes, not paths, so it goes on where a directory was
 * renamed, and a listing asks its node for the path when it leaves.
 */
export class Scan {
  readonly #parts: ScanParts;
  readonly #request: ScanOrder;
  readonly #result: ScanResult = {isComplete: true, directories: 0, entries: 0, unreadable: 0};
  readonly #start: Node;
  readonly #frontier: Node[];
  readonly #waiting: Read[] = [];
  #reading = 0;
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
        else if (this.#reading === 0) return this.#result;
        else await new Promise<void>(resolve => (this.#wake = resolve));
        onProgress?.(this.#result);
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
    return {...this.#result, isComplete: false, reason: reasonOf(signal)};
  }

  #begin(): void {
    while (this.#reading + this.#waiting.length < readingsMax && this.#waitingBytes < waitingBytesMax) {
      const node = this.#frontier.pop();
      if (!node) return;
      const evidence = this.#parts.sink.evidence();
      this.#reading++;
      this.#parts.reads.read(node, false, (reading, children) => {
        this.#reading--;
        this.#result.directories++;
        if (children && this.#request.isRecursive !== false) this.#frontier.push(...children);
        this.#waitingBytes += bytesOf(reading);
        this.#waiting.push({node, evidence, reading, isRegistered: children !== undefined});
        this.#wake();
      });
    }
  }

  async #offer({node, evidence, reading, isRegistered}: Read): Promise<void> {
    const result = this.#result;
    if (node === this.#start && !isRegistered && (typeof reading !== 'string' || isGone(reading))) {
      result.isUnknown = true; // gone, or another one stands there
    }
    if (typeof reading !== 'string') {
      if (isRegistered) await this.#offerListing(node, evidence, reading);
    } else if (!isGone(reading)) {
      result.unreadable++;
      result.isComplete = false;
      await this.#offerUnreadable(node, evidence, reading);
    }
    this.#waitingBytes -= bytesOf(reading);
  }

  async #offerListing(node: Node, evidence: number, reading: DirectoryReading): Promise<void> {
    const {source} = this.#request;
    this.#result.entries += reading.count;
    for (const range of rangesOf(rootPath, source, evidence, reading)) {
      await this.#offerFor(node, range.entries.byteLength, path => ({...range, path}));
    }
    if (this.#parts.crossesFileSystems) return;
    for (const {name, isOtherFileSystem} of reading.directories) {
      if (isOtherFileSystem) await this.#offerUnreadable(node, evidence, 'EXDEV', name);
    }
  }

  #offerUnreadable(node: Node, evidence: number, error: string, name?: ByteString): Promise<void> {
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
  return typeof reading === 'string' ? 0 : reading.run.byteLength;
}
