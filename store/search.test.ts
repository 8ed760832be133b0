import fc from 'fast-check';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {type ByteString, fromBytes, fromText} from '../core/entry/byte-string.ts';
import {type Entry, kinds, newEntryFrom} from '../core/entry/entry.ts';
import {joinPath, type Path, rootPath} from '../core/entry/path.ts';
import {EntryWalk} from '../core/query/entry-walk.ts';
import {nameMatch} from '../core/query/name-match.ts';
import {resolve} from '../core/query/resolve.ts';
import {decodeSearchStart, SearchPage} from '../core/query/search-page.ts';
import {treeFormats} from '../core/query/tree-format.ts';
import {rootDirectory, type TreeRead, type TreeStore, type TreeWrite} from '../core/tree/tree-store.ts';
import {openMemoryTree} from '../test/lib/memory-tree.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {openTreeStore} from './tree-store.ts';

let folder: ReturnType<typeof temporaryFolder>;
let store: TreeStore;
beforeEach(async () => {
  folder = temporaryFolder();
  store = await openTreeStore(folder.path);
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

const time = {seconds: 1, nanos: 0};
const entry = (name: ByteString, kind: Entry['kind']): Entry =>
  newEntryFrom(name, {kind, size: 1, mtime: time, ctime: time});
const filter = {
  kinds: [],
  sizeMin: 0,
  sizeMax: Number.POSITIVE_INFINITY,
  modifiedAfter: undefined,
  modifiedBefore: undefined,
};

type Asked = {pattern: string; path: Path; ignoresCase: boolean};

function search(tree: TreeStore, {pattern, path, ignoresCase}: Asked, limit: number): string[] {
  const match = nameMatch(fromText(pattern), {ignoresCase});
  const store = tree.read(txn => txn.storeId());
  const found: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const writer = treeFormats.json.make(['path']);
    const page = new SearchPage({path, limit, match, filter, writer}, decodeSearchStart(path, cursor)!, store);
    while (!tree.read(txn => page.slice(txn) as never));
    const {data} = JSON.parse(page.end({}).toString()) as {data: {path: string; path_b64?: string}[]};
    for (const {path: shown, path_b64} of data) {
      found.push(path_b64 === undefined ? fromText(shown) : fromBytes(Buffer.from(path_b64, 'base64')));
    }
    if (page.nextCursor === null) return found.sort();
    cursor = page.nextCursor;
  }
}

/** The same from directory to directory, with nothing passed over. */
function searchAll(txn: TreeRead, {pattern, path, ignoresCase}: Asked): string[] {
  const {matches} = nameMatch(fromText(pattern), {ignoresCase});
  const found: string[] = [];
  new EntryWalk(resolve(txn, path).record?.number, path).walk(txn, (parent, cursor) => {
    if (matches(parent, cursor)) found.push(joinPath(parent, cursor.name));
    return true;
  });
  return found.sort();
}

const syllables = ['re', 'port', 'Data', 'K', '\u212a', 'é', 'É', '-', '1', '.csv']
  .map(fromText)
  .concat('\xff' as ByteString);
const anyName = fc
  .array(fc.constantFrom(...syllables), {minLength: 1, maxLength: 5})
  .map(parts => parts.join('') as ByteString);
const anyPattern = fc
  .array(fc.constantFrom('re', 'report', 'DATA', 'k', 'é', '-1', '.csv', '*', '?', '{re,port}', '/', '**/', '\ufffd'), {
    minLength: 1,
    maxLength: 5,
  })
  .map(parts => parts.join(''));
const anyStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({do: fc.constant('put' as const), at: fc.nat(), name: anyName, isDirectory: fc.boolean()}),
  },
  {weight: 1, arbitrary: fc.record({do: fc.constant('remove' as const), at: fc.nat(), which: fc.nat()})},
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('move' as const),
      at: fc.nat(),
      which: fc.nat(),
      to: fc.nat(),
      name: anyName,
    }),
  },
);

/** The tree's entries, each with the directory that it is in. */
function places(txn: TreeRead): {directory: number; name: ByteString; number: number; path: Path}[] {
  const found: ReturnType<typeof places> = [];
  const parents = new Map<string, number>([[rootPath, rootDirectory]]);
  new EntryWalk(rootDirectory, rootPath).walk(txn, (parent, {name, directory}) => {
    const path = joinPath(parent, name);
    if (directory !== 0) parents.set(path, directory);
    found.push({directory: parents.get(parent)!, name, number: directory, path});
    return true;
  });
  return found;
}

function apply(txn: TreeWrite, step: typeof anyStep extends fc.Arbitrary<infer T> ? T : never): void {
  const all = places(txn);
  const directories = [rootDirectory, ...all.filter(({number}) => number !== 0).map(({number}) => number)];
  const at = directories[step.at % directories.length]!;
  if (step.do === 'put') {
    txn.put(at, entry(step.name, step.isDirectory ? kinds.directory : kinds.file));
    return;
  }
  const one = all[step.which % all.length];
  if (!one) return;
  if (step.do === 'remove') txn.remove(one.directory, one.name);
  else {
    const to = directories[step.to % directories.length]!;
    try {
      txn.move(one, {directory: to, name: step.name}, {});
    } catch {
      // below itself
    }
  }
}

test('a search finds what a look at every entry finds, after any history, on any pages', async () => {
  const anyRun = fc.record({
    steps: fc.array(anyStep, {minLength: 5, maxLength: 60}),
    asked: fc.array(
      fc.record({pattern: anyPattern, at: fc.nat(), ignoresCase: fc.boolean(), limit: fc.integer({min: 1, max: 9})}),
      {
        minLength: 5,
        maxLength: 10,
      },
    ),
  });
  await fc.assert(
    fc.asyncProperty(anyRun, async ({steps, asked}) => {
      const memory = openMemoryTree();
      await store.write(txn => {
        for (const {directory, name} of places(txn)) txn.remove(directory, name);
      });
      for (const tree of [store, memory]) await tree.write(txn => steps.forEach(step => void apply(txn, step)));
      for (const {at, limit, ...one} of asked) {
        const paths = store.read(txn => [rootPath, ...places(txn).map(({path}) => path)] as never) as Path[];
        const query = {...one, path: paths[at % paths.length]!};
        const wanted = store.read(txn => searchAll(txn, query) as never);
        expect(search(store, query, limit)).toEqual(wanted);
        expect(search(memory, query, limit)).toEqual(wanted);
      }
    }),
    {numRuns: Number(process.env.FUSTOR_RUNS ?? 150)},
  );
}, 60_000);
