import type {ByteString} from '../core/entry/byte-string.ts';
import type {DirectoryNumber} from '../core/entry/entry.ts';
import type {Hlc} from '../core/time/hlc.ts';
import type {BlindSpotChange, Suspect, Tombstone} from '../core/tree/tree-store.ts';
import {expiryKey, nameKey} from './keys.ts';
import {blindSpotRow, suspectRow, tombstoneRow} from './rows.ts';
import {LmdbTreeRead, stateCodec} from './tree-read.ts';

/** Writes to the tables beside the tree itself: each call one row. */
export class LmdbListWrite extends LmdbTreeRead {
  putTombstone(directory: DirectoryNumber, name: ByteString, tombstone: Tombstone): void {
    void this.db.tombstones.put(nameKey(directory, name), tombstoneRow.encode(tombstone));
  }

  removeTombstone(directory: DirectoryNumber, name: ByteString): void {
    void this.db.tombstones.remove(nameKey(directory, name));
  }

  putSuspect(expiresAt: Hlc, suspect: Suspect): void {
    void this.db.suspects.put(expiryKey(expiresAt, suspect.directory, suspect.name), suspectRow.encode(suspect));
  }

  removeSuspect(expiresAt: Hlc, directory: DirectoryNumber, name: ByteString): void {
    void this.db.suspects.remove(expiryKey(expiresAt, directory, name));
  }

  putBlindSpot(directory: DirectoryNumber, name: ByteString, change: BlindSpotChange, foundAt: Hlc): void {
    void this.db.blindSpots.put(nameKey(directory, name), blindSpotRow.encode(change, foundAt));
  }

  removeBlindSpot(directory: DirectoryNumber, name: ByteString): void {
    void this.db.blindSpots.remove(nameKey(directory, name));
  }

  putState(name: string, value: unknown): void {
    void this.db.states.put(Buffer.from(name), stateCodec.encode(value));
  }

  removeState(name: string): void {
    void this.db.states.remove(Buffer.from(name));
  }
}
