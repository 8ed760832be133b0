import {Encoder} from 'cbor-x';
import {expect, test} from 'vitest';
import {fromBytes, fromText} from '../entry/byte-string.ts';
import {kinds, newEntryFrom} from '../entry/entry.ts';
import {packRun} from '../entry/packed.ts';
import type {Path} from '../entry/path.ts';
import {decodeBatch, encodeBatch} from './codec.ts';
import type {FsEvent} from './events.ts';
import {readToldUntil, writeToldUntil} from './session.ts';

const strange = fromBytes(Buffer.from('/\xff\n"%', 'latin1')) as Path;
const attributes = {
  kind: kinds.directory,
  size: 2 ** 40,
  mtime: {seconds: -5, nanos: 7},
  ctime: {seconds: 2 ** 33, nanos: 0},
};
const listing = {
  kind: 'listing',
  source: 'audit',
  path: strange,
  self: attributes,
  evidence: 2 ** 50,
  after: fromText('a'),
  until: undefined,
  entries: packRun([newEntryFrom(fromText('b'), attributes), newEntryFrom(fromText('c'), attributes)]),
} as const;
const events: FsEvent[] = [
  {kind: 'upsert', path: strange, attributes, isAtomic: false, observedAt: 1.5},
  {kind: 'delete', path: strange, observedAt: 2},
  {kind: 'move', from: strange, to: fromText('/b') as Path, observedAt: 3},
  listing,
  {kind: 'unchanged', source: 'audit', path: strange, evidence: 1},
  {kind: 'unreadable', source: 'snapshot', path: strange, evidence: 1, error: 'EACCES'},
  {kind: 'sentinel', path: strange, evidence: 1, attributes: undefined},
  {kind: 'phase', phase: 'scan_begin', source: 'snapshot', scan: 's', path: strange},
  {kind: 'phase', phase: 'scan_progress', source: 'audit', scan: 's', path: strange, directories: 3, entries: 2 ** 40},
  {
    ...{kind: 'phase', phase: 'scan_progress', source: 'audit', scan: 's', path: strange},
    ...{directories: 3, entries: 4, unchanged: 5},
  },
  {kind: 'phase', phase: 'scan_end', source: 'snapshot', scan: 's', path: strange, isComplete: true, reason: undefined},
  {kind: 'phase', phase: 'gap', path: strange, reason: 'overflow'},
  {kind: 'phase', phase: 'coverage', watched: 1, known: 2},
  {kind: 'phase', phase: 'unavailable', reason: 'gone'},
  {kind: 'phase', phase: 'available'},
];
const batch = {session: 'v.1', number: 7, heard: {hlc: 2 ** 50, at: 1.5}, events};

test('every kind of event survives the way, bytes and all', () => {
  const plain = (list: readonly FsEvent[]) =>
    list.map(event => (event.kind === 'listing' ? {...event, entries: [...event.entries]} : event));
  const decoded = decodeBatch(encodeBatch(batch), 42);
  expect({...decoded, events: plain(decoded.events)}).toEqual({...batch, sentAt: 42, events: plain(events)});
});

test('events that are alike name their keys once', () => {
  const sizeOf = (count: number) => {
    const unchanged = {kind: 'unchanged', source: 'audit', path: strange, evidence: 2 ** 50} as const;
    return encodeBatch({...batch, events: Array.from({length: count}, () => unchanged)}).byteLength;
  };
  expect(sizeOf(2) - sizeOf(1)).toBeLessThan(sizeOf(1) - sizeOf(0));
  expect(sizeOf(102) - sizeOf(2)).toBeLessThan(100 * 40);
});

test('a batch of plain maps is read, as earlier agents write it', () => {
  const plain = new Encoder({useRecords: false, tagUint8Array: false});
  const event = {kind: 'delete', message_source: 'realtime', observed_at: 2, path: Buffer.from('/a')};
  const bytes = plain.encode({schema: 'fs', session: 'v.1', number: 7, events: [event, event]});
  const expected = {kind: 'delete', path: '/a', observedAt: 2};
  expect(decodeBatch(bytes, 42).events).toEqual([expected, expected]);
});

test.each([
  [
    'an unsorted listing',
    {...listing, entries: packRun([newEntryFrom(fromText('c'), attributes), newEntryFrom(fromText('b'), attributes)])},
    'does not come after',
  ],
  ['a listing that is cut off', {...listing, entries: listing.entries.subarray(0, 40)}, 'cut off'],
  ['a path with ..', {kind: 'delete', path: fromText('/a/../b') as Path, observedAt: 1}, 'normal form'],
  [
    'a name with a slash',
    {...listing, entries: packRun([newEntryFrom(fromText('a/b'), attributes)])},
    'impossible name',
  ],
])('%s is refused, with its place in the batch', (_, event, message) => {
  expect(() => decodeBatch(encodeBatch({...batch, events: [events[1]!, event as FsEvent]}), 0)).toThrow(
    expect.objectContaining({
      code: 'BATCH_REJECTED',
      message: expect.stringMatching(new RegExp(`Event 1 .*${message}`)),
    }),
  );
});

test('what is not CBOR is refused', () => {
  expect(() => decodeBatch(Buffer.from([0xff, 0x00]), 0)).toThrow(expect.objectContaining({code: 'BATCH_REJECTED'}));
});

test('what a pipe has told is read as it was written, and what is no such thing says nothing', () => {
  for (const told of [
    {hlc: 258_697_532_837_888, ms: 12},
    {hlc: 0, ms: -3_000},
  ])
    expect(readToldUntil(writeToldUntil(told))).toEqual(told);
  expect(readToldUntil(writeToldUntil({hlc: 5, ms: 1.9}))).toEqual({hlc: 5, ms: 1});
  for (const header of [undefined, '', '5', '5 ', '-5 1', '5 1e3', '5 1 2', '99999999999999999 1'])
    expect(readToldUntil(header)).toBeUndefined();
});
