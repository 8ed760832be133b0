import {mkdirSync, readFileSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import {rootPath} from '../../core/entry/path.ts';
import {openTestSource} from '../../drivers/source-fs/open-test-source.ts';
import {temporaryFolder} from '../lib/temporary-folder.ts';

/** Reads one directory of so many names (default 1,000,000), and prints what that takes: `node test/bench/huge-directory.ts [names]`. */
const count = Number(process.argv[2] ?? 1_000_000);

function memoryMb(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)![1]) / 1024;
}

using folder = temporaryFolder();
mkdirSync(join(folder.path, 'big'));
for (let i = 0; i < count; i++)
  symlinkSync('x', join(folder.path, 'big', `measurement-${(i * 7_919) % 1_000_003}-${i}.dat`));

const source = openTestSource(folder.path);
let ranges = 0;
let rangeBytesMax = 0;
await source.open({
  emit() {},
  evidence: () => 0,
  now: () => performance.now(),
  async offer(event) {
    const resolved = event.kind === 'deferred' ? event.resolve() : event;
    if (resolved?.kind !== 'listing') return;
    ranges++;
    rangeBytesMax = Math.max(rangeBytesMax, resolved.entries.byteLength);
    await new Promise(resolve => setImmediate(resolve));
  },
});
const beforeMb = memoryMb('VmRSS');
const begunAt = performance.now();
const {signal} = new AbortController();
const {entries} = await source.scan({source: 'snapshot', path: rootPath, isFull: true, signal});
const ms = Math.round(performance.now() - begunAt);
const extraMb = Math.round(memoryMb('VmHWM') - beforeMb);
await source.close();
console.log(JSON.stringify({entries, ms, extraMb, ranges, rangeBytesMax}));
