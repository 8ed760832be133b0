import fc from 'fast-check';
import {expect, test} from 'vitest';
import {type ByteString, compareBytes, fromBytes} from './byte-string.ts';
import {type Entry, kinds, newEntryFrom} from './entry.ts';
import {
  fixedBytes,
  flags,
  newEntry,
  PackedCursor,
  packEntry,
  packedBytesMax,
  packedLength,
  packRun,
  runProblem,
} from './packed.ts';

const anyName = fc.uint8Array({minLength: 1, maxLength: 255}).map(bytes => fromBytes(bytes));
const anyTime = fc.record({
  seconds: fc.integer({min: -(2 ** 39), max: 2 ** 39 - 1}),
  nanos: fc.integer({min: 0, max: 999_999_999}),
});
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  name: anyName,
  kind: fc.constantFrom(...Object.values(kinds)),
  size: fc.maxSafeNat(),
  mtime: anyTime,
  ctime: anyTime,
  hasAttributes: fc.boolean(),
  realtimeAt: fc.maxSafeNat(),
  agent: fc.integer({min: 0, max: 65_535}),
  isSuspect: fc.boolean(),
  isBlindSpot: fc.boolean(),
  directory: fc.integer({min: 0, max: 2 ** 48 - 1}),
});
const anyRun = fc
  .uniqueArray(anyEntry, {selector: entry => entry.name, maxLength: 20})
  .map(entries => entries.sort((a, b) => compareBytes(a.name, b.name)));

const time = {seconds: 1_700_000_000, nanos: 4_000_000};
const file = (name: string) => newEntryFrom(name as ByteString, {kind: kinds.file, size: 7, mtime: time, ctime: time});

function walk(run: Uint8Array): Entry[] {
  const entries: Entry[] = [];
  for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) entries.push(cursor.toEntry());
  return entries;
}

test('what was packed is read again, wherever in a buffer it lies', () => {
  fc.assert(
    fc.property(anyRun, fc.nat(9), (entries, shift) => {
      const run = packRun(entries);
      expect(run.byteLength).toBe(entries.reduce((sum, entry) => sum + packedLength(entry), 0));
      expect(walk(run)).toEqual(entries);
      const larger = new Uint8Array(shift + run.byteLength + 5).fill(0xff);
      larger.set(run, shift);
      expect(walk(larger.subarray(shift, shift + run.byteLength))).toEqual(entries);
    }),
  );
});

test('the single members of a cursor say what the whole entry says', () => {
  fc.assert(
    fc.property(anyEntry, entry => {
      const cursor = new PackedCursor(packRun([entry]));
      for (const [key, value] of Object.entries(entry)) expect(cursor[key as keyof Entry]).toEqual(value);
      expect([cursor.mtimeSeconds, cursor.mtimeNanos]).toEqual([entry.mtime.seconds, entry.mtime.nanos]);
      expect([cursor.ctimeSeconds, cursor.ctimeNanos]).toEqual([entry.ctime.seconds, entry.ctime.nanos]);
      expect(cursor.bytes.byteLength).toBe(packedLength(entry));
      expect(packedLength(entry)).toBeLessThanOrEqual(packedBytesMax);
    }),
  );
});

test('seeking finds the first name that is not before', () => {
  fc.assert(
    fc.property(anyRun, anyName, (entries, name) => {
      const cursor = new PackedCursor(packRun(entries));
      const expected = entries.find(entry => entry.name >= name);
      expect(cursor.seek(name)).toBe(expected?.name === name);
      expect(cursor.isAtEnd ? undefined : cursor.name).toBe(expected?.name);
    }),
  );
});

test('names compare as bytes, with each other and with byte strings', () => {
  fc.assert(
    fc.property(anyEntry, anyEntry, (a, b) => {
      const [left, right] = [new PackedCursor(packRun([a])), new PackedCursor(packRun([b]))];
      expect(Math.sign(left.compareNameTo(right))).toBe(compareBytes(a.name, b.name));
      expect(Math.sign(left.compareName(b.name))).toBe(compareBytes(a.name, b.name));
    }),
  );
});

test('times beyond what is stored are kept at the nearest that is', () => {
  const entry = {...file('f'), mtime: {seconds: 2 ** 45, nanos: 1}, ctime: {seconds: -(2 ** 45), nanos: 2}};
  expect(walk(packRun([entry]))).toMatchObject([
    {mtime: {seconds: 2 ** 39 - 1, nanos: 1}, ctime: {seconds: -(2 ** 39), nanos: 2}},
  ]);
});

test('a run of what agents see is accepted', () => {
  fc.assert(
    fc.property(anyRun, entries => {
      const names = entries.filter(({name}) => !/^\.\.?$|[/\0]/.test(name));
      expect(runProblem(packRun(names.map(newEntry)))).toBeUndefined();
    }),
  );
});

test('whatever else comes from outside is refused with the reason, and never read past its end', () => {
  const problem = (...entries: Entry[]) => runProblem(packRun(entries));
  expect(problem(file('b'), file('a'))).toContain('entry 1 does not come after');
  expect(problem(file('a'), file('a'))).toContain('entry 1 does not come after');
  for (const name of ['.', '..', 'a/b', 'a\0', '']) expect(problem(file(name))).toContain('impossible name');
  expect(problem({...file('a'), realtimeAt: 1})).toContain('flags 0x20');
  expect(problem({...file('a'), directory: 1})).toContain('flags 0x40');
  expect(problem({...file('a'), isSuspect: true})).toContain('flags 0x8');
  expect(problem({...file('a'), kind: 5 as never})).toContain('kind 5');
  expect(problem({...file('a'), mtime: {seconds: 0, nanos: 1_000_000_000}})).toContain('impossible time');
  const whole = packRun([file('abc')]);
  for (let length = 1; length < whole.length; length++)
    expect(runProblem(whole.subarray(0, length))).toContain('cut off');
  fc.assert(fc.property(fc.uint8Array({maxLength: 200}), bytes => void runProblem(bytes)));
});

test('the layout is the one that is documented', () => {
  const bytes = new Uint8Array(packedBytesMax);
  const entry = {
    ...file('ab'),
    kind: kinds.directory,
    size: 2 ** 32 + 3,
    agent: 0x0102,
    directory: 2 ** 40,
    realtimeAt: 1.5,
  };
  const end = packEntry(new DataView(bytes.buffer), 0, entry);
  expect(end).toBe(fixedBytes + 8 + 6 + 2);
  expect([bytes[0], bytes[1]]).toEqual([2, kinds.directory | flags.realtime | flags.directory]);
  expect([...bytes.subarray(2, 10)]).toEqual([3, 0, 0, 0, 1, 0, 0, 0]);
  expect([...bytes.subarray(28, 30)]).toEqual([2, 1]);
  expect(Buffer.from(bytes).readDoubleLE(30)).toBe(1.5);
  expect([...bytes.subarray(38, 44)]).toEqual([0, 0, 0, 0, 0, 1]);
  expect([...bytes.subarray(44, 46)]).toEqual([0x61, 0x62]);
});
