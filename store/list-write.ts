import type {ByteString} from '../core/entry/byte-string.ts';
import type {DirectoryNumber} from '../core/entry/entry.ts';
import type {Hlc} from '../core/time/hlc.ts';
import type {BlindSpotChange, Suspect, Tombstone, TreeRead} from '../core/tree/tree-store.ts';
import type {Databases} from './databases.ts';
import {Emptiness} from './emptiness.ts';
import {expiryKey, nameKey} from './keys.ts';
import {blindSpotRow, suspectRow, tombstoneRow} from './rows.ts';
import {LmdbTreeRead, stateCodec} from './tree-read.ts';

/** Writes to the tables beside the tree itself: each call one row. */
export class LmdbListWrite extends LmdbTreeRead {
  readonly #tombstones: Emptiness;
  readonly #blindSpots: Emptiness;

  constructor(db: Databases) {
    super(db, {keepsBounds: true});
    this.#tombstones = new Emptiness(db.tombstones);
    this.#blindSpots = new Emptiness(db.blindSpots);
  }

  /** Follows a transaction that left nothing behind. */
  forget(): void {
    this.#tombstones.forget();
    this.#blindSpots.forget();
  }

  override tombstone(directory: DirectoryNumber, name: ByteString): Tombstone | undefined {
    return this.#tombstones.isEmpty ? undefined : super.tombstone(directory, name);
  }

  override hasTombstones(directory: DirectoryNumber): boolean {
    return !this.#tombstones.isEmpty && super.hasTombstones(directory);
  }

  override blindSpots(range?: Parameters<TreeRead['blindSpots']>[0]): ReturnType<TreeRead['blindSpots']> {
    return this.#blindSpots.isEmpty ? [] : super.blindSpots(range);
  }

  putTombstone(directory: DirectoryNumber, name: ByteString, tombstone: Tombstone): void {
    void this.db.tombstones.put(nameKey(directory, name), tombstoneRow.encode(tombstone));
    this.#tombstones.noteRow();
  }

  removeTombstone(directory: DirectoryNumber, name: ByteString): void {
    if (this.#tombstones.isEmpty) return;
    void this.db.tombstones.remove(nameKey(directory, name));
    this.#tombstones.forget();
  }

  putSuspect(expiresAt: Hlc, suspect: Suspect): void {
    void this.db.suspects.put(expiryKey(expiresAt, suspect.directory, suspect.name), suspectRow.encode(suspect));
  }

  removeSuspect(expiresAt: Hlc, directory: DirectoryNumber, name: ByteString): void {
    void this.db.suspects.remove(expiryKey(expiresAt, directory, name));
  }

  putBlindSpot(directory: DirectoryNumber, name: ByteString, change: BlindSpotChange, foundAt: Hlc): void {
    void this.db.blindSpots.put(nameKey(directory, name), blindSpotRow.encode(change, foundAt));
    this.#blindSpots.noteRow();
  }

  removeBlindSpot(directory: DirectoryNumber, name: ByteString): void {
    if (this.#blindSpots.isEmpty) return;
    void this.db.blindSpots.remove(nameKey(directory, name));
    this.#blindSpots.forget();
  }

  putState(name: string, value: unknown): void {
    void this.db.states.put(Buffer.from(name), stateCodec.encode(value));
  }

  removeState(name: string): void {
    void this.db.states.remove(Buffer.from(name));
  }
}
