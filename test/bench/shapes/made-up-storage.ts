import {type ByteString, fromText} from '../../../core/entry/byte-string.ts';
import {type Attributes, kinds, newEntryFrom} from '../../../core/entry/entry.ts';
import {packRun} from '../../../core/entry/packed.ts';
import {joinPath, type Path, rootPath} from '../../../core/entry/path.ts';
import {
  type EventSink,
  emptyResult,
  type ScanRequest,
  type ScanResult,
  type Source,
} from '../../../core/source/source.ts';

const levels = 3;
const time = {seconds: 1_700_000_000, nanos: 4_000_000};
const directory: Attributes = {kind: kinds.directory, size: 4096, mtime: time, ctime: time};
const file: Attributes = {kind: kinds.file, size: 1000, mtime: time, ctime: time};

/**
 * A storage that does not exist: three levels of directories, of which each of the last has so many files. On a disk ten million
 * directories take 40 GB; what is told of them is the same.
 */
export class MadeUpStorage implements Source {
  readonly #fanOut: number;
  readonly #filesEach: number;
  readonly #names: ByteString[];
  readonly #inner: Uint8Array;
  readonly #leaf: Uint8Array;
  #sink: EventSink | undefined;

  /** At least so many directories. */
  constructor({directories, filesEach}: {directories: number; filesEach: number}) {
    this.#fanOut = Math.ceil(directories ** (1 / levels));
    this.#filesEach = filesEach;
    this.#names = Array.from({length: this.#fanOut}, (_, i) => fromText(`run-${String(i).padStart(4, '0')}`));
    this.#inner = packRun(this.#names.map(name => newEntryFrom(name, directory)));
    const names = Array.from({length: filesEach}, (_, i) => fromText(`file-${String(i).padStart(4, '0')}-of-data.dat`));
    this.#leaf = packRun(names.map(name => newEntryFrom(name, file)));
  }

  /** Below the root. */
  get directories(): number {
    let count = 0;
    for (let level = 1; level <= levels; level++) count += this.#fanOut ** level;
    return count;
  }

  get files(): number {
    return this.#filesEach * this.#fanOut ** levels;
  }

  async open(sink: EventSink): Promise<void> {
    this.#sink = sink;
  }

  async scan({source, signal}: ScanRequest): Promise<ScanResult> {
    const sink = this.#sink!;
    const list = async (path: Path, level: number): Promise<void> => {
      if (signal.aborted) return;
      const entries = level === levels ? this.#leaf : this.#inner;
      const range = {after: undefined, until: undefined};
      await sink.offer({kind: 'listing', source, path, self: directory, evidence: sink.evidence(), ...range, entries});
      if (level < levels) for (const name of this.#names) await list(joinPath(path, name), level + 1);
    };
    await list(rootPath, 0);
    if (signal.aborted) return {...emptyResult, isComplete: false, reason: 'the scan was stopped'};
    return {...emptyResult, directories: this.directories + 1, entries: this.directories + this.files};
  }

  async look(): Promise<Map<Path, Attributes | undefined>> {
    return new Map();
  }

  async settle(): Promise<undefined> {
    return undefined;
  }

  status() {
    return {isAvailable: true, reason: undefined, watched: 0, known: this.directories + 1, overflows: 0};
  }

  async close(): Promise<void> {}
}
