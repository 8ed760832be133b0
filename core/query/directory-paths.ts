import type {ByteString} from '../entry/byte-string.ts';
import type {DirectoryNumber} from '../entry/entry.ts';
import {joinPath, type Path, rootPath} from '../entry/path.ts';
import {rootDirectory, type TreeRead} from '../tree/tree-store.ts';

const knownMax = 100_000;

/** Paths of directories by their numbers. Remembers what it found while the tree is the same: rows of one directory stand together. */
export class DirectoryPaths {
  readonly #known = new Map<DirectoryNumber, Path | undefined>();
  #seq: number | undefined;

  /** To be called with each snapshot, before it is asked for paths in it. */
  begin(txn: TreeRead): void {
    const seq = txn.seq();
    if (seq !== this.#seq) this.#known.clear();
    this.#seq = seq;
  }

  /** Undefined for a directory that is gone, or below one that is. */
  of(txn: TreeRead, directory: DirectoryNumber): Path | undefined {
    const passed: {number: DirectoryNumber; name: ByteString}[] = [];
    let at = directory;
    while (at !== rootDirectory && !this.#known.has(at)) {
      const record = txn.directory(at);
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
