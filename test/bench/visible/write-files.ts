import {closeSync, openSync, writeSync} from 'node:fs';
import {join} from 'node:path';

/**
 * `node write-files.ts FOLDER COUNT PER_SECOND EVERY`: writes so many files, in the folder's 100 directories in turn, and prints
 * the name of every EVERY-th and the moment when it was closed, in nanoseconds of the machine's monotonic clock.
 */
const [folder, count, perSecond, every] = [process.argv[2]!, ...process.argv.slice(3).map(Number)] as [
  string,
  ...number[],
];
const startedAt = performance.now();
for (let i = 0; i < count!; i++) {
  const wait = startedAt + (i * 1000) / perSecond! - performance.now();
  if (wait > 1) await new Promise(resolve => setTimeout(resolve, wait));
  const name = `${i % 100}/file-${i}`;
  const descriptor = openSync(join(folder, name), 'w');
  writeSync(descriptor, 'x');
  closeSync(descriptor);
  if (i % every! === every! - 1) process.stdout.write(`${name} ${process.hrtime.bigint()}\n`);
}
console.log(`rate ${Math.round((count! * 1000) / (performance.now() - startedAt))}`);
