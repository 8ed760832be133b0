import {fromText} from '../../core/entry/byte-string.ts';
import {kinds, newEntryFrom, zeroTime} from '../../core/entry/entry.ts';
import {rootDirectory} from '../../core/tree/tree-store.ts';
import {openTreeStore} from '../../store/tree-store.ts';

/** A program that makes a store grow: `node growing-store.ts FOLDER COMMITS`, a directory of a thousand files each. */
const files = 1_000;
const attributes = {size: 1, mtime: zeroTime, ctime: zeroTime};
const [folder, commits] = process.argv.slice(2);
const store = await openTreeStore(folder!);
for (let i = 0; i < Number(commits); i++) {
  await store.write(txn => {
    const made = newEntryFrom(fromText(`d${i}`), {...attributes, kind: kinds.directory});
    const {directory} = txn.put(rootDirectory, made);
    for (let file = 0; file < files; file++) {
      txn.put(directory, newEntryFrom(fromText(`file-${file}-${'long'.repeat(8)}`), {...attributes, kind: kinds.file}));
    }
  });
}
await store.close();
