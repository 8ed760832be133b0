import {expect, test} from 'vitest';
import {openMemoryTree} from '../../test/lib/memory-tree.ts';
import {fromText} from '../entry/byte-string.ts';
import {kinds, newEntryFrom, zeroTime} from '../entry/entry.ts';
import {type Path, rootPath} from '../entry/path.ts';
import {rootDirectory} from '../tree/tree-store.ts';
import {nameMatch} from './name-match.ts';
import {decodeSearchStart, SearchPage} from './search-page.ts';
import {treeFormats} from './tree-format.ts';

const files = 600;
const name = (at: number) => `${'x'.repeat(190)}-${1_000 + at}`;
const filter = {
  ...{kinds: [], sizeMin: 0, sizeMax: Number.POSITIVE_INFINITY},
  ...{modifiedAfter: undefined, modifiedBefore: undefined},
};

/** Looks that a search of the whole takes, and what it finds. */
async function search(path: Path, pattern: string) {
  const tree = openMemoryTree();
  await tree.write(txn => {
    const attributes = {size: 1, mtime: zeroTime, ctime: zeroTime};
    const data = newEntryFrom(fromText('data'), {...attributes, kind: kinds.directory});
    const {directory} = txn.put(rootDirectory, data);
    for (let at = 0; at < files; at++)
      txn.put(directory, newEntryFrom(fromText(name(at)), {...attributes, kind: kinds.file}));
  });
  const match = nameMatch(fromText(pattern), {ignoresCase: false});
  const writer = treeFormats.json.make(['path']);
  const asked = {path, limit: 10_000, match, filter, writer};
  const page = new SearchPage(asked, decodeSearchStart(path, undefined)!, 'memory');
  let slices = 1;
  while (!tree.read(txn => page.slice(txn) as never)) slices++;
  const found = (JSON.parse(page.end({}).toString()).data as unknown[]).length;
  await tree.close();
  return {slices, found};
}

// The first goes through the store, the second from directory to directory.
test.each([rootPath, '/data' as Path])(
  'however long a pattern takes, a slice of a search of %s does not',
  async path => {
    const letters = Array.from({length: 40}, (_, at) => String.fromCharCode(0x100 + at)).join(',');
    const heavy = `{?*,*{${letters}}${'?*'.repeat(40)}}`;
    const light = await search(path, '?*');
    expect(light.slices).toBe(1);
    // 195 characters a name, each compared with 3,280 and more.
    const {slices, found} = await search(path, heavy);
    expect(found).toBe(light.found);
    expect(found).toBeGreaterThanOrEqual(files);
    expect(slices).toBeGreaterThan((files * 195 * 3_280) / 2_000_000);
  },
);
