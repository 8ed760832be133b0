import {closeSync, openSync, readdirSync, writeSync} from 'node:fs';
import {join} from 'node:path';

/**
 * `node append-to-files.ts ROOT COUNT`: finds so many files, then writes a byte more into each as fast as it can; prints how long
 * that took, in ms. Appends, because ext4 flushes a file that was truncated when it is closed.
 */
const root = process.argv[2]!;
const count = Number(process.argv[3]);
const files: string[] = [];
const directories = [root];
for (let at = 0; at < directories.length && files.length < count; at++) {
  for (const entry of readdirSync(directories[at]!, {withFileTypes: true})) {
    const path = join(directories[at]!, entry.name);
    if (entry.isDirectory()) directories.push(path);
    else if (files.length < count) files.push(path);
  }
}
if (files.length < count) throw new Error(`There are ${files.length} files below ${root}, not ${count}.`);
const startedAt = performance.now();
for (const path of files) {
  const descriptor = openSync(path, 'a');
  writeSync(descriptor, 'x');
  closeSync(descriptor);
}
console.log(performance.now() - startedAt);
