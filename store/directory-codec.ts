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
 *         f64 × 3   ownVersion, version, newestFoundAt; a record that was written before format 3 ends without them
 *
 * Numbers are little-endian and below 2^53.
 */
export type StoredDirectory = DirectoryRecord & BlockOwner;

/** What others are told of it: a copy, which does not follow what is written later. */
export function toRecord(stored: StoredDirectory): DirectoryRecord {
  const {number, parent, name, listedAt, unreadable, partial, ownVersion, totals} = stored;
  return {number, parent, name, listedAt, unreadable, partial, ownVersion, totals: {...totals}};
}

const fixedBytes = 119;
const marksBytes = 24;
const unreadableBytesMax = 255;

export function encodeDirectory(record: StoredDirectory): Buffer {
  const {totals, name, partial} = record;
  const unreadable = (record.unreadable ?? '').slice(0, unreadableBytesMax);
  const until = partial?.until ?? '';
  const bytes = Buffer.allocUnsafe(fixedBytes + name.length + unreadable.length + until.length + marksBytes);
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
  for (const mark of [record.ownVersion, totals.version, totals.newestFoundAt]) at = bytes.writeDoubleLE(mark, at);
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
  const marksAt = untilAt + untilLength;
  const until = bytes.toString('latin1', untilAt, marksAt) as ByteString;
  const hasMarks = bytes.byteLength >= marksAt + marksBytes;
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
    version: hasMarks ? bytes.readDoubleLE(marksAt + 8) : 0,
    newestFoundAt: hasMarks ? bytes.readDoubleLE(marksAt + 16) : 0,
  };
  return {
    number,
    parent: f64(0),
    name: bytes.toString('latin1', fixedBytes, unreadableAt) as ByteString,
    listedAt: f64(1),
    blocks: f64(2),
    unreadable: unreadableLength === 0 ? undefined : bytes.toString('latin1', unreadableAt, untilAt),
    partial: untilLength === 0 ? undefined : {evidence: f64(13), until},
    ownVersion: hasMarks ? bytes.readDoubleLE(marksAt) : 0,
    totals,
    bounds: undefined,
  };
}
