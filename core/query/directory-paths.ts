import type {ByteString} from '../entry/byte-string.ts';
import type {DirectoryNumber} from '../entry/entry.ts';
import {joinPath, type Path, rootPath} from '../entry/path.ts';
import {rootDirectory, type TreeRead} from '../tree/tree-store.ts';

const knownMax = 100_000;

/** Paths of directories by their numbers, in one snapshot. Remembers what it found: rows of one directory stand together. */
export class DirectoryPaths {
  readonly #txn: TreeRead;
  readonly #known = new Map<DirectoryNumber, Path | undefined>();

  constructor(txn: TreeRead) {
    this.#txn = txn;
  }

  /** Undefined for a directory that is gone, or below one that is. */
  of(directory: DirectoryNumber): Path | undefined {
    const passed: {number: DirectoryNumber; name: ByteString}[] = [];
    let at = directory;
    while (at !== rootDirectory && !this.#known.has(at)) {
      const record = this.#txn.directory(at);
      if (!record) {
        this.#known.set(at, undefined);
        break;
      }
      passed.push({number: at, name: record.name});
      at = record.parent;
    }
    let path = at === rootDirectory ? rootPath : this.#known.get(at);
    if (this.#known.size > knownMax) this.#known.clear();
    for (const {number, name} of passed.reverse()) {
      path = path && joinPath(path, name);
      this.#known.set(number, path);
    }
    return path;
  }
}
