import fc from 'fast-check';
import {expect, test} from 'vitest';
import {ChangingStorage, type Operation, operations} from '../../test/lib/changing-storage.ts';
import {Prng} from '../../test/lib/prng.ts';
import {listing, move, remove, second, upsert, View} from '../../test/lib/view.ts';
import {kinds} from '../entry/entry.ts';
import {PackedCursor} from '../entry/packed.ts';
import {isBelow, joinPath, type Path, rootPath} from '../entry/path.ts';
import type {FsEvent} from '../protocol/events.ts';
import {aboveRoot} from '../tree/tree-store.ts';
import {afterRename, DueRescans} from './due-rescans.ts';
import {fold} from './fold.ts';
import {MemorySpool} from './memory-spool.ts';
import {isOwnGap} from './own-gaps.ts';
import {RealtimeLane} from './realtime-lane.ts';
import {mentionsOf} from './spool.ts';

const all = {eventsMax: 1e9, bytesMax: 1e12};
const runs = Number(process.env.FOLD_RUNS ?? 300);

function folded(events: readonly FsEvent[], renamesMax = Number.POSITIVE_INFINITY): FsEvent[] {
  const queue = new MemorySpool();
  for (const event of events) fold(queue, event, {renamesMax});
  return queue.first(all).map(({event}) => event);
}

const anyOperation: fc.Arbitrary<Operation> = fc.record({
  operation: fc.constantFrom(...operations),
  some: fc.nat(20),
  where: fc.nat(8),
  name: fc.constantFrom('a', 'b'),
});
const changes = (most: number) => fc.array(anyOperation, {maxLength: most, size: 'max'});

/** A storage, what is known of it, and what is told when it changes behind that. */
function scenario(before: readonly Operation[], after: readonly Operation[]) {
  const evidence = new View().hlc;
  const storage = new ChangingStorage(evidence, 2);
  for (const operation of before) storage.do(operation);
  const known = storage.listings(rootPath, evidence);
  const operationsTold = after.map(operation => storage.do(operation));
  return {storage, known, events: operationsTold.flat()};
}

/** A view that was told by an agent what is known, and by agent 1 the events, an hour later. */
async function viewOf({storage, known}: ReturnType<typeof scenario>, events: FsEvent[], teller = 1): Promise<View> {
  const view = new View();
  await view.tell(known, {agent: teller});
  await view.pass(3600 * second).tell(events, {ageMs: storage.now + 1});
  return view;
}

type State = {kind: number; size: number; ctime: number};

function stateOf(view: View): Record<string, State & {isSuspect: boolean; hasAttributes: boolean}> {
  const states: ReturnType<typeof stateOf> = {};
  view.store.read(txn => {
    const visit = (path: Path, directory: number) => {
      for (const run of txn.runs(directory)) {
        for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) {
          const {name, kind, size, ctime, isSuspect, hasAttributes, directory: below} = cursor.toEntry();
          const at = directory === aboveRoot ? rootPath : joinPath(path, name);
          states[at] = {kind, size, ctime: ctime.seconds, isSuspect, hasAttributes};
          if (below !== 0) visit(at, below);
        }
      }
    };
    visit(rootPath, aboveRoot);
  });
  return states;
}

/** A directory's own times follow what is in it, and are told later. */
function plain(states: Record<string, State>): Record<string, State> {
  return Object.fromEntries(
    Object.entries(states).map(([path, {kind, size, ctime}]) => {
      return [path, {kind, size, ctime: kind === kinds.directory ? 0 : ctime}];
    }),
  );
}

function stateOfStorage({entries}: ChangingStorage): Record<string, State> {
  return Object.fromEntries(
    [...entries].map(([path, {kind, size, ctime}]) => [path, {kind, size, ctime: ctime.seconds}]),
  );
}

test('what is folded makes the same view as what is not', async () => {
  await fc.assert(
    fc.asyncProperty(changes(15), changes(60), async (before, after) => {
      const told = scenario(before, after);
      const whole = stateOf(await viewOf(told, told.events));
      expect(stateOf(await viewOf(told, folded(told.events)))).toEqual(whole);
    }),
    {numRuns: runs},
  );
});

test('what goes through a spool, and is taken in between, makes the same view', async () => {
  const limits = {memoryEventsMax: 5, memoryBytesMax: 1e9, renamesMax: Number.POSITIVE_INFINITY};
  await fc.assert(
    fc.asyncProperty(changes(15), changes(60), fc.nat(), async (before, after, seed) => {
      const told = scenario(before, after);
      const lane = new RealtimeLane(limits, new MemorySpool(), () => expect.unreachable());
      const random = new Prng(seed);
      const sent: FsEvent[] = [];
      for (const event of told.events) {
        lane.emit(event);
        if (random.below(8) === 0) sent.push(...lane.take({eventsMax: 1 + random.below(5), bytesMax: 1e9}));
      }
      sent.push(...lane.take(all));
      expect(lane.length).toBe(0);
      expect(stateOf(await viewOf(told, sent))).toEqual(stateOf(await viewOf(told, told.events)));
    }),
    {numRuns: runs},
  );
});

test('what another agent told before is right in the end, or in doubt', async () => {
  await fc.assert(
    fc.asyncProperty(changes(15), changes(40), async (before, after) => {
      const told = scenario(before, after);
      const other = 2;
      const whole = await viewOf(told, told.events, other);
      const short = await viewOf(told, folded(told.events), other);
      let doubts = [...short.doubts(), ...whole.doubts()] as Path[];
      // What is in doubt may have been renamed since: the doubt stays where it was.
      for (const event of told.events) {
        if (event.kind === 'move') doubts = [...doubts, ...doubts.flatMap(at => afterRename(at, event.from, event.to))];
      }
      const sure = (states: object) =>
        Object.fromEntries(
          Object.entries(states).filter(([path]) => !doubts.some(at => at === path || isBelow(path as Path, at))),
        );
      expect(sure(stateOf(short))).toEqual(sure(stateOf(whole)));
    }),
    {numRuns: runs},
  );
});

test('what waits is bounded by the names that changed, and the readings that gaps ask for make the view whole', async () => {
  await fc.assert(
    fc.asyncProperty(changes(10), changes(300), fc.constantFrom(1, 2, 8), async (before, after, renamesMax) => {
      const told = scenario(before, after);
      const short = folded(told.events, renamesMax);
      const names = new Set(told.events.flatMap(event => mentionsOf(event).map(({key}) => key)));
      expect(short.length).toBeLessThanOrEqual(names.size * (renamesMax + 2) * 3);
      const view = await viewOf(told, short);
      const due = new DueRescans();
      for (const event of short) due.sent(event);
      for (const event of short) due.stored(event);
      for (const path of due.begin('all')) {
        if (told.storage.entries.has(path)) await view.pass(second).tell(told.storage.listings(path, view.hlc));
      }
      expect(plain(stateOf(view))).toEqual(plain(stateOfStorage(told.storage)));
    }),
    {numRuns: runs},
  );
});

const repeat = (times: number, events: (n: number) => FsEvent[]) =>
  Array.from({length: times}, (_, n) => events(n)).flat();
const directory = {kind: kinds.directory};

test('a file that is written ten thousand times waits once', () => {
  expect(folded(repeat(10_000, n => [upsert('/d/f', {size: n})]))).toEqual([upsert('/d/f', {size: 9_999})]);
});

test('a name that comes and goes waits as its deletion', () => {
  expect(folded(repeat(100, () => [upsert('/t'), remove('/t')]))).toEqual([remove('/t')]);
  const names = repeat(100, () => Array.from({length: 5}, (_, n) => [upsert(`/t${n}`), remove(`/t${n}`)]).flat());
  expect(folded(names)).toEqual(Array.from({length: 5}, (_, n) => remove(`/t${n}`)));
});

test('a file that is saved by renaming a temporary one over it waits once, and the temporary name once', () => {
  const save = (size: number) => [upsert('/t', {size}), move('/t', '/f'), upsert('/f', {size})];
  expect(folded(repeat(100, save))).toEqual([remove('/t'), upsert('/f', {size: 99})]);
  // The first temporary file was sent already, so that nobody knows here what was renamed.
  expect(folded([move('/t', '/f'), ...repeat(100, save)])).toEqual([
    move('/t', '/f'),
    remove('/t'),
    upsert('/f', {size: 99}),
  ]);
});

test('a directory that is made and removed again and again waits as its deletion', () => {
  const round = () => [
    upsert('/d', directory),
    listing('/d', {x: {}}, 1),
    upsert('/d/x'),
    remove('/d/x'),
    remove('/d'),
  ];
  expect(folded(repeat(50, round))).toEqual([remove('/d')]);
  const swap = () => [
    upsert('/new', directory),
    listing('/new', {x: {}}, 1),
    move('/d', '/old'),
    move('/new', '/d'),
    upsert('/d', directory),
    remove('/old'),
  ];
  expect(folded(repeat(50, swap)).length).toBeLessThan(12);
});

test('a directory that is read again and again waits as its last listing', () => {
  const last = listing('/d', {y: {}}, 2);
  expect(folded([...repeat(50, () => [listing('/d', {x: {}}, 1)]), last])).toEqual([last]);
});

test('a directory that is renamed to and fro is given up as a gap on the disk, and not in memory', () => {
  const pingPong = repeat(50, () => [
    move('/d', '/e'),
    upsert('/e', directory),
    move('/e', '/d'),
    upsert('/d', directory),
  ]);
  expect(folded(pingPong).some(event => isOwnGap(event))).toBe(false);
  const short = folded(pingPong, 8);
  expect(short.length).toBeLessThan(30);
  expect(short.filter(event => isOwnGap(event))).toMatchObject([{path: '/d'}]);
});

test('what is told of the source as a whole waits once', () => {
  const away: FsEvent = {kind: 'phase', phase: 'unavailable', reason: 'x'};
  const back: FsEvent = {kind: 'phase', phase: 'available'};
  const coverage = (watched: number): FsEvent => ({kind: 'phase', phase: 'coverage', watched, known: 9});
  expect(folded([away, back, coverage(1), away, back, coverage(2)])).toEqual([back, coverage(2)]);
});

test('the root is never taken for gone', () => {
  expect(folded([upsert('/a'), remove('/'), upsert('/', {kind: kinds.file}), move('/', '/x')])).toHaveLength(4);
});
