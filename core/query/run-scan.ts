import {type ByteString, fromBytes} from '../entry/byte-string.ts';
import type {DirectoryNumber} from '../entry/entry.ts';
import {PackedCursor} from '../entry/packed.ts';
import {isName, type Path} from '../entry/path.ts';
import {aboveRoot, type NameParts, rootDirectory, type TreeRead} from '../tree/tree-store.ts';
import {DirectoryPaths} from './directory-paths.ts';

/** Where an entry is in the store. It stays there when a directory above it is renamed. */
export type Place = {directory: DirectoryNumber; name: ByteString};

/** For a cursor: a place means something in its own store only (`TreeRead.storeId`). */
export type StorePlace = Place & {store: string};

/** False to stop the scan behind this entry. `parent` is undefined for what nothing leads to. The cursor is the call's. */
export type VisitPlace = (cursor: PackedCursor, parent: () => Path | undefined, place: () => Place) => boolean;

/** What the six bytes hold that a number has in packed entries. */
const directoryMax = 2 ** 48 - 1;

type Scan = {runsMax: number; parts: NameParts; mayHold: (run: Buffer) => boolean; visit: VisitPlace};

/**
 * Goes through all entries of a tree in the order of the store, which takes a fraction of what going from directory to directory
 * does. It can stop behind any entry and go on in a later snapshot: what did not change meanwhile is met exactly once.
 */
export class RunScan {
  readonly #paths = new DirectoryPaths();
  readonly #cursor = new PackedCursor();
  #last: Place | undefined;

  constructor(after: Place | undefined) {
    this.#last = after;
  }

  /**
   * Directories that have no names with such parts, and runs in which `mayHold` finds nothing, are passed over. At most so many
   * runs. True when nothing is left.
   */
  scan(txn: TreeRead, {runsMax, parts, mayHold, visit}: Scan): boolean {
    this.#paths.begin(txn);
    const cursor = this.#cursor;
    const after = this.#last ?? {directory: rootDirectory, name: '' as ByteString};
    let runs = 0;
    for (const {directory, run} of txn.allRuns(after, parts)) {
      if (directory === aboveRoot) continue;
      const isLast = ++runs === runsMax;
      if (mayHold(bytesOf(run))) {
        const parent = () => this.#paths.of(txn, directory);
        const place = () => ({directory, name: cursor.name});
        for (cursor.reset(run); !cursor.isAtEnd; cursor.next()) {
          if (directory === after.directory && cursor.compareName(after.name) <= 0) continue;
          if (visit(cursor, parent, place)) continue;
          this.#last = place();
          return false;
        }
      }
      if (!isLast) continue;
      const noName = directory === after.directory ? after.name : ('' as ByteString);
      this.#last = {directory, name: lastName(run) ?? noName};
      return false;
    }
    return true;
  }
}

function bytesOf(run: Uint8Array): Buffer {
  return run instanceof Buffer ? run : Buffer.from(run.buffer, run.byteOffset, run.byteLength);
}

/** Undefined for an empty run. */
function lastName(run: Uint8Array): ByteString | undefined {
  let name: ByteString | undefined;
  for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) {
    if (cursor.offset + cursor.byteLength >= run.byteLength) name = cursor.name;
  }
  return name;
}

export function encodePlace({store, directory, name}: StorePlace): string {
  return `${store}.${Buffer.from(`${directory}/${name}`, 'latin1').toString('base64url')}`;
}

/** Undefined when it is none. */
export function decodePlace(text: string): StorePlace | undefined {
  const [, store, place] = /^([\w-]{1,64})\.([\w-]+)$/.exec(text) ?? [];
  const match = place === undefined ? null : /^(\d{1,15})\/(.+)$/s.exec(fromBytes(Buffer.from(place, 'base64url')));
  if (!match) return undefined;
  const [directory, name] = [Number(match[1]), match[2] as ByteString];
  return directory <= directoryMax && isName(name) ? {store: store!, directory, name} : undefined;
}
