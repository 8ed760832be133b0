import type {FileTime} from '../core/entry/entry.ts';
import type {Hlc} from '../core/time/hlc.ts';
import type {BlindSpotChange, Suspect, Tombstone} from '../core/tree/tree-store.ts';

/** Values of the small tables: fixed columns of f64, little-endian. A tombstone of three columns is from before agents were kept. */
export const tombstoneRow = {
  encode: ({deletedAt, storageTime, agent}: Tombstone) =>
    pack([deletedAt, storageTime.seconds, storageTime.nanos, agent]),
  decode: (bytes: Buffer): Tombstone => ({
    deletedAt: bytes.readDoubleLE(0),
    storageTime: time(bytes, 8),
    agent: bytes.byteLength > 24 ? bytes.readDoubleLE(24) : -1,
  }),
};

export const suspectRow = {
  encode: ({size, ctime}: Pick<Suspect, 'size' | 'ctime'>) => pack([size, ctime.seconds, ctime.nanos]),
  decode: (bytes: Buffer): Pick<Suspect, 'size' | 'ctime'> => ({size: bytes.readDoubleLE(0), ctime: time(bytes, 8)}),
};

/** The numbers are stored, so they never change. */
const changes = ['created', 'modified', 'deleted'] as const satisfies BlindSpotChange[];

export const blindSpotRow = {
  encode: (change: BlindSpotChange, foundAt: Hlc) => pack([foundAt, changes.indexOf(change)]),
  decode: (bytes: Buffer): {change: BlindSpotChange; foundAt: Hlc} => ({
    change: changes[bytes.readDoubleLE(8)]!,
    foundAt: bytes.readDoubleLE(0),
  }),
};

function pack(numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * 8);
  for (const [index, number] of numbers.entries()) bytes.writeDoubleLE(number, index * 8);
  return bytes;
}

function time(bytes: Buffer, at: number): FileTime {
  return {seconds: bytes.readDoubleLE(at), nanos: bytes.readDoubleLE(at + 8)};
}
