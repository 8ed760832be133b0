import {type ByteString, fromText} from '../../core/entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kinds, newEntryFrom} from '../../core/entry/entry.ts';
import {packRun} from '../../core/entry/packed.ts';
import {rootDirectory, type TreeWrite, verdicts} from '../../core/tree/tree-store.ts';
import {openTreeStore} from '../../store/tree-store.ts';

export const smallEntries = 250;
const filesPerDirectory = 100;

/** Makes a store with a directory `/small`, and directories of files up to `entryCount`. Returns how many entries there are. */
export async function fill(folder: string, entryCount: number): Promise<number> {
  const store = await openTreeStore(folder);
  const perDirectory = filesPerDirectory + 1;
  const directories = Math.ceil(entryCount / perDirectory);
  const list = (txn: TreeWrite, directory: DirectoryNumber, entries: Entry[]) => {
    txn.merge(directory, {after: undefined, until: undefined}, packRun(entries), 1, () => verdicts.take);
    txn.setDirectory(directory, {listedAt: 1});
  };
  await store.write(txn => {
    const names = Array.from({length: directories}, (_, i) => `directory-${String(i).padStart(6, '0')}`);
    list(
      txn,
      rootDirectory,
      [...names, 'small'].map((name, i) => made(name, i, kinds.directory)),
    );
    list(txn, txn.entry(rootDirectory, fromText('small'))!.directory, files(smallEntries));
  });
  for (let at = 0; at < directories; at += 200) {
    await store.write(txn => {
      for (let i = at; i < Math.min(at + 200, directories); i++) {
        const entry = txn.entry(rootDirectory, fromText(`directory-${String(i).padStart(6, '0')}`))!;
        list(txn, entry.directory, files(filesPerDirectory));
      }
    });
  }
  await store.close();
  return directories * perDirectory + smallEntries + 1;
}

function files(count: number): Entry[] {
  return Array.from({length: count}, (_, i) => made(`sample_${String(i).padStart(5, '0')}.dat`, i, kinds.file));
}

function made(name: string, seed: number, kind: Entry['kind']): Entry {
  const time = {seconds: 1_700_000_000 + (seed % 1_000_000), nanos: (seed * 123_456_789) % 1_000_000_000};
  return newEntryFrom(fromText(name) as ByteString, {kind, size: seed * 1000, mtime: time, ctime: time});
}
