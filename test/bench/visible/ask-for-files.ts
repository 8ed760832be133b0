import {spawn} from 'node:child_process';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {Asker, isFinished} from './asker.ts';

/** How long after its close each of some files was there, and was told, in milliseconds; and how many a second were written. */
export type Waits = {visible: number[]; told: number[]; rate: number};

/**
 * `node ask-for-files.ts URL FOLDER PATH COUNT PER_SECOND EVERY`: has files written by another process and asks for every EVERY-th
 * from its close on. A process of its own: what others do in their turns is not measured. Prints `Waits`.
 */
const [url, folder, path, ...numbers] = process.argv.slice(2) as [string, string, string, ...string[]];
const asker = new Asker(url);
const waits: Waits = {visible: [], told: [], rate: 0};
const closedAt = new Map<string, bigint>();
const toldAt = new Map<string, bigint>();
const stream = await asker.watch(path);
const asked: Promise<void>[] = [];

let rest = '';
stream.on('data', (chunk: Buffer) => {
  const now = process.hrtime.bigint();
  const lines = (rest + chunk).split('\n');
  rest = lines.pop()!;
  for (const line of lines) {
    const name = line.includes('"integrity_suspect":false') && /\d+\/file-\d+(?=")/.exec(line)?.[0];
    if (name && !toldAt.has(name)) toldAt.set(name, now);
  }
});

const writer = spawn(process.execPath, [join(import.meta.dirname, 'write-files.ts'), folder, ...numbers], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
for await (const line of createInterface({input: writer.stdout})) {
  const [name, value] = line.split(' ') as [string, string];
  if (name === 'rate') waits.rate = Number(value);
  else {
    closedAt.set(name, BigInt(value));
    asked.push(seen(name, BigInt(value)));
  }
}
await Promise.all(asked);
const deadline = performance.now() + 10_000;
while ([...closedAt.keys()].some(name => !toldAt.has(name)) && performance.now() < deadline) {
  await new Promise(resolve => setTimeout(resolve, 10));
}
for (const [name, at] of closedAt) waits.told.push(milliseconds(at, toldAt.get(name) ?? process.hrtime.bigint()));
console.log(JSON.stringify(waits));
stream.destroy();
asker.close();

async function seen(name: string, at: bigint): Promise<void> {
  await asker.until(`${path}/${name}`, isFinished);
  waits.visible.push(milliseconds(at, process.hrtime.bigint()));
}

function milliseconds(from: bigint, to: bigint): number {
  return Number(to - from) / 1e6;
}
