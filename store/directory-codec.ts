import type {ByteString} from '../core/entry/byte-string.ts';
import type {FileTime} from '../core/entry/entry.ts';
import type {DirectoryRecord, Totals} from '../core/tree/tree-store.ts';
import type {BlockOwner} from './block-table.ts';

/**
 * A directory's record as it is stored, without its number, which is the key.
 *
 *     0   f64 × 10  parent, listedAt, blocks, files, directories, others, bytes, unlisted, unreadable, suspects
 *     80  f64 × 4   blindSpots, newestRealtimeAt, newestChange seconds, partial evidence (0: none)
 *     112 u32       newestChange nanoseconds
 *     116 u8 × 3    lengths of name, unreadable, partial until
 *     119           these three, latin1
 *     …   f64       newestFoundAt; not there in what earlier programs wrote, who pass over it
 *
 * Numbers are little-endian and below 2^53.
 */
export type StoredDirectory = DirectoryRecord & BlockOwner;

/** What others are told of it: a copy, which does not follow what is written later. */
export function toRecord(stored: StoredDirectory): DirectoryRecord {
  const {number, parent, name, listedAt, unreadable, partial, totals} = stored;
  return {number, parent, name, listedAt, unreadable, partial, totals: {...totals}};
}

const fixedBytes = 119;
const foundAtBytes = 8;
const unreadableBytesMax = 255;

export function encodeDirectory(record: StoredDirectory): Buffer {
  const {totals, name, partial} = record;
  const unreadable = (record.unreadable ?? '').slice(0, unreadableBytesMax);
  const until = partial?.until ?? '';
  const bytes = Buffer.allocUnsafe(fixedBytes + name.length + unreadable.length + until.length + foundAtBytes);
  const numbers = [
    record.parent,
    record.listedAt,
    record.blocks,
    totals.files,
    totals.directories,
    totals.others,
    totals.bytes,
    totals.unlisted,
    totals.unreadable,
    totals.suspects,
    totals.blindSpots,
    totals.newestRealtimeAt,
    totals.newestChange.seconds,
    partial?.evidence ?? 0,
  ];
  let at = 0;
  for (const number of numbers) at = bytes.writeDoubleLE(number, at);
  at = bytes.writeUInt32LE(totals.newestChange.nanos, at);
  for (const {length} of [name, unreadable, until]) at = bytes.writeUInt8(length, at);
  for (const text of [name, unreadable, until]) at += bytes.write(text, at, 'latin1');
  bytes.writeDoubleLE(totals.newestFoundAt, at);
  return bytes;
}

/** Only the number of blocks, for a reader who wants nothing else. */
export function storedBlocks(bytes: Buffer): number {
  return bytes.readDoubleLE(16);
}

export function decodeDirectory(number: number, bytes: Buffer): StoredDirectory {
  const f64 = (index: number) => bytes.readDoubleLE(index * 8);
  const [nameLength, unreadableLength, untilLength] = [bytes[116]!, bytes[117]!, bytes[118]!];
  const unreadableAt = fixedBytes + nameLength;
  const untilAt = unreadableAt + unreadableLength;
  const foundAt = untilAt + untilLength;
  const until = bytes.toString('latin1', untilAt, foundAt) as ByteString;
  const newestChange: FileTime = {seconds: f64(12), nanos: bytes.readUInt32LE(112)};
  const totals: Totals = {
    files: f64(3),
    directories: f64(4),
    others: f64(5),
    bytes: f64(6),
    unlisted: f64(7),
    unreadable: f64(8),
    suspects: f64(9),
    blindSpots: f64(10),
    newestChange,
    newestRealtimeAt: f64(11),
    newestFoundAt: bytes.length < foundAt + foundAtBytes ? 0 : bytes.readDoubleLE(foundAt),
  };
  return {
    number,
    parent: f64(0),
    name: bytes.toString('latin1', fixedBytes, unreadableAt) as ByteString,
    listedAt: f64(1),
    blocks: f64(2),
    unreadable: unreadableLength === 0 ? undefined : bytes.toString('latin1', unreadableAt, untilAt),
    partial: untilLength === 0 ? undefined : {evidence: f64(13), until},
    totals,
    bounds: undefined,
  };
}
