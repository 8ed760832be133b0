import fc from 'fast-check';
import {expect, test} from 'vitest';
import {openMemoryTree} from '../../test/lib/memory-tree.ts';
import {type ReadEntry, readAnswer} from '../../test/lib/read-formats.ts';
import {type ByteString, compareBytes, fromText} from '../entry/byte-string.ts';
import {type Entry, type Kind, kindNames, kinds} from '../entry/entry.ts';
import {isName, joinPath, type Path, pathNames, rootPath} from '../entry/path.ts';
import {rootDirectory, type TreeStore} from '../tree/tree-store.ts';
import {decodeCursor} from './cursor.ts';
import {timeText} from './json-values.ts';
import {fieldsDefault, type NodeField, nodeFields, orderedFields} from './node-field.ts';
import {AnswerParts, TreeAnswer, type TreeQuery} from './tree-answer.ts';
import {type TreeFormat, treeFormatNames} from './tree-format.ts';

type Made = {entry: Omit<Entry, 'name' | 'directory'>; children: Map<ByteString, Made> | undefined};

const oddBytes = [
  '\n',
  '"',
  '\\',
  '\0'.replace('\0', '\x01'),
  '\x7f',
  '\xff',
  '\xc3',
  '\xa9',
  ' ',
  'a',
  'b',
  '\xed\xa0\x80',
];
const name = fc
  .oneof(
    fc.array(fc.constantFrom(...oddBytes), {minLength: 1, maxLength: 6}).map(parts => parts.join('') as ByteString),
    fc.string({minLength: 1, maxLength: 40, unit: 'grapheme'}).map(fromText),
    fc.constantFrom(...['x'.repeat(255), 'sample_00012.dat', '\ufffd', 'ü'].map(fromText)),
  )
  .filter(isName);
const time = fc.record({
  seconds: fc.oneof(fc.integer({min: -(2 ** 39), max: 2 ** 39 - 1}), fc.integer({min: 0, max: 2 ** 34}), fc.nat(9)),
  nanos: fc.oneof(fc.constant(0), fc.nat(999_999_999), fc.constantFrom(1, 500_000_000, 999_999_999)),
});
const entry = fc.record({
  kind: fc.constantFrom<Kind>(kinds.file, kinds.symlink, kinds.other),
  size: fc.oneof(fc.nat(30), fc.maxSafeNat()),
  mtime: time,
  ctime: time,
  hasAttributes: fc.boolean(),
  realtimeAt: fc.constantFrom(0, 2 ** 50),
  agent: fc.nat(3),
  isSuspect: fc.boolean(),
  isBlindSpot: fc.boolean(),
});
const {tree: anyTree} = fc.letrec<{tree: Map<ByteString, Made>; made: Made}>(tie => ({
  tree: fc.array(fc.tuple(name, tie('made')), {maxLength: 12, depthIdentifier: 'level'}).map(pairs => new Map(pairs)),
  made: fc.oneof(
    {maxDepth: 4, depthIdentifier: 'level'},
    entry.map(known => ({entry: known, children: undefined})),
    fc
      .tuple(entry, tie('tree'))
      .map(([known, children]) => ({entry: {...known, kind: kinds.directory as Kind}, children})),
  ),
}));

const anyQuestion = fc.record({
  format: fc.constantFrom<TreeFormat>(...treeFormatNames),
  fields: fc.option(fc.subarray([...nodeFields], {minLength: 1}).map(orderedFields), {nil: undefined}),
  depthMax: fc.constantFrom(0, 1, 2, Number.POSITIVE_INFINITY),
  limit: fc.constantFrom(1, 2, 5, Number.POSITIVE_INFINITY),
  bytesMax: fc.constantFrom(1, 100, 1_000, 65_536),
  isBelow: fc.boolean(),
});

test('every format has the entries of the tree, whatever their names, in any chunks and pages', async () => {
  const parts = new AnswerParts();
  await fc.assert(
    fc.asyncProperty(anyTree, anyQuestion, async (made, {bytesMax, isBelow, ...question}) => {
      const tree = openMemoryTree();
      await fill(tree, made);
      const [below] = [...made].filter(([, {children}]) => children);
      const path = isBelow && below ? joinPath(rootPath, below[0]) : rootPath;
      const start = isBelow && below ? below[1] : rootOf(made);
      const query = {view: 'v', path, after: undefined, ...question};
      expect(ask(tree, query, {bytesMax, parts})).toEqual(wanted(path, start, query));
      await tree.close();
    }),
    {numRuns: 500},
  );
});

test('a line of "paths" that holds a newline is one line, and is nobody else\'s path', async () => {
  const tree = openMemoryTree();
  const file = {...rootOf(new Map()).entry, kind: kinds.file};
  await fill(
    tree,
    new Map([
      [fromText('a\nb\\c'), {entry: file, children: undefined}],
      [fromText('d\\e'), {entry: file, children: undefined}],
    ]),
  );
  const answer = new TreeAnswer({view: 'v', path: rootPath, after: undefined, depthMax: 1, limit: 9, format: 'paths'});
  expect(tree.read(txn => answer.next(txn, 0)!).toString()).toBe('/\n\\/a\\nb\\\\c\n/d\\e\n');
  await tree.close();
});

/** All pages of an answer, each in chunks. */
function ask(
  tree: TreeStore,
  query: TreeQuery,
  {bytesMax, parts}: {bytesMax: number; parts: AnswerParts},
): ReadEntry[] {
  const entries: ReadEntry[] = [];
  let after = query.after;
  for (;;) {
    const answer = new TreeAnswer({...query, after}, parts);
    const chunks: Buffer[] = [];
    while (!answer.isDone) chunks.push(Buffer.concat(tree.read(txn => answer.nextPieces(txn, 0, bytesMax))!));
    const read = readAnswer(query.format!, Buffer.concat(chunks));
    if (read.meta) expect(read.meta).toEqual(answer.meta);
    expect(read.entries.length).toBeLessThanOrEqual(query.limit + 1);
    entries.push(...read.entries);
    const cursor = answer.meta!.next_cursor;
    if (cursor === null || cursor === undefined) return entries;
    after = decodeCursor(query.path, cursor)!;
  }
}

/** The same from what the tree was made of. */
function wanted(path: Path, start: Made, {format, fields, depthMax}: TreeQuery): ReadEntry[] {
  const isFlat = format !== 'json' && format !== 'cbor';
  const isPaths = format === 'paths' || format === 'paths0';
  const own = isPaths ? ['path' as const] : (fields ?? (isFlat ? fieldsDefault.flat : fieldsDefault.nested));
  const entries: ReadEntry[] = [];
  const add = (at: Path, {entry: known, children}: Made, told: readonly NodeField[], depth: number) => {
    const isTold = at === path ? told.includes('path') : told.includes(isFlat ? 'path' : 'name');
    entries.push({path: isTold ? at : undefined, fields: fieldsOf(at, known, told)});
    if (depth === depthMax || !children) return;
    const sorted = [...children].sort(([a], [b]) => compareBytes(a, b));
    for (const [name, child] of sorted) add(joinPath(at, name), child, own, depth + 1);
  };
  add(path, start, isFlat ? own : [...own, 'path'], 0);
  // Nested, a path is only known as far as there are names on the way to it.
  if (!isFlat && !own.includes('name')) for (const one of entries.slice(1)) one.path = undefined;
  return entries;
}

function fieldsOf(path: Path, known: Made['entry'], told: readonly NodeField[]): Record<string, unknown> {
  const all: Record<NodeField, unknown> = {
    name: path === rootPath ? path : pathNames(path).at(-1),
    path,
    content_type: kindNames[known.kind],
    size: known.size,
    modified_time: timeText(known.mtime.seconds, known.mtime.nanos),
    changed_time: timeText(known.ctime.seconds, known.ctime.nanos),
    integrity_suspect: known.isSuspect,
    blind_spot: known.isBlindSpot,
  };
  const isKnown = (field: NodeField) =>
    known.hasAttributes || !['size', 'modified_time', 'changed_time'].includes(field);
  return Object.fromEntries(told.filter(isKnown).map(field => [field, all[field]]));
}

async function fill(tree: TreeStore, made: Map<ByteString, Made>): Promise<void> {
  await tree.write(txn => {
    const put = (directory: number, entries: Map<ByteString, Made>) => {
      for (const [name, {entry: known, children}] of entries) {
        txn.put(directory, {...known, name, directory: 0});
        if (children) put(txn.entry(directory, name)!.directory, children);
      }
    };
    put(rootDirectory, made);
  });
}

/** As a tree has it that nobody told anything of its root. */
function rootOf(children: Map<ByteString, Made>): Made {
  const zero = {seconds: 0, nanos: 0};
  const nothing = {hasAttributes: false, realtimeAt: 0, agent: 0, isSuspect: false, isBlindSpot: false};
  return {entry: {...nothing, kind: kinds.directory, size: 0, mtime: zero, ctime: zero}, children};
}
