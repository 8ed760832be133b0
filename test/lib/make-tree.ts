import {closeSync, mkdirSync, openSync, writeSync} from 'node:fs';
import {join} from 'node:path';

const filesPerDirectory = 83;
const directoriesPerDirectory = 12;

/** A tree of so many small files, 83 in a directory, nested; with `isEmpty` none has data. Returns its number of entries. */
export function makeTree(root: string, files: number, {isEmpty = false} = {}): number {
  mkdirSync(root, {recursive: true});
  let made = 0;
  let entries = 0;
  const queue = [root];
  for (let next = queue.shift(); next !== undefined && made < files; next = queue.shift()) {
    for (let i = 0; i < filesPerDirectory && made < files; i++, made++, entries++) {
      const descriptor = openSync(join(next, `file-${i}-of-some-data.dat`), 'w');
      if (i % 7 === 0 && !isEmpty) writeSync(descriptor, 'x'.repeat(i + 1));
      closeSync(descriptor);
    }
    for (
      let i = 0;
      i < directoriesPerDirectory && (queue.length + 1) * filesPerDirectory < files - made;
      i++, entries++
    ) {
      const directory = join(next, `directory-${i}`);
      mkdirSync(directory);
      queue.push(directory);
    }
  }
  return entries;
}

if (import.meta.main) {
  const [root, files, empty] = process.argv.slice(2);
  if (root === undefined || !(Number(files) > 0)) throw new Error('Usage: make-tree.ts DIRECTORY FILES [--empty]');
  console.log(`${makeTree(root, Number(files), {isEmpty: empty === '--empty'})} entries`);
}
