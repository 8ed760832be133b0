import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Asker} from './asker.ts';

/** Of each round, in milliseconds from the close of the file: until the first and until the last watcher was told. */
export type Told = {first: number[]; last: number[]};

/**
 * `node many-watchers.ts URL FOLDER PATH COUNT ROUNDS`: so many connections to `fs/watch`, and a file a round that all are told
 * of. Prints `ready` when all watch, begins when something comes on stdin, and prints `Told`.
 */
const [url, folder, path, ...numbers] = process.argv.slice(2) as [string, string, string, ...string[]];
const [count, rounds] = numbers.map(Number) as [number, number];
const asker = new Asker(url);
let name = 'no file yet';
let hears: (watcher: number) => void = () => {};
const connecting = 50;
for (let at = 0; at < count; at += connecting) {
  await Promise.all(Array.from({length: Math.min(connecting, count - at)}, (_, i) => watch(at + i)));
}
console.log('ready');
await new Promise(resolve => process.stdin.once('data', resolve));
const told: Told = {first: [], last: []};
for (let round = 0; round < rounds; round++) {
  const [first, last] = await roundOf(`told-${round}.dat`);
  told.first.push(first);
  told.last.push(last);
}
console.log(JSON.stringify(told));
process.exit();

async function watch(watcher: number): Promise<void> {
  const stream = await asker.watch(path);
  let rest = '';
  stream.on('data', chunk => {
    const text = rest + chunk;
    rest = text.slice(text.lastIndexOf('\n') + 1);
    if (text.includes(`${name}"`)) hears(watcher);
  });
}

/** All have heard of the last file when this one comes, so nobody's turn is mixed up with another's. */
async function roundOf(file: string): Promise<[first: number, last: number]> {
  const heard = new Set<number>();
  const all = Promise.withResolvers<void>();
  let firstAt = 0;
  hears = watcher => {
    if (heard.size === 0) firstAt = performance.now();
    heard.add(watcher);
    if (heard.size === count) all.resolve();
  };
  name = file;
  writeFileSync(join(folder, file), 'x');
  const closedAt = performance.now();
  await all.promise;
  return [firstAt - closedAt, performance.now() - closedAt];
}
