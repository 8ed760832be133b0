import {closeSync, mkdirSync, openSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {Site} from '../lib/site.ts';
import {temporaryFolder} from '../lib/temporary-folder.ts';

/**
 * One directory of a million names through the whole system, with the built executables:
 * `node --disable-warning=ExperimentalWarning test/bench/huge-view.ts [names]`. Prints the time to a complete view, that it
 * equals what `find` says, and the largest anonymous memory of each process.
 */
const names = Number(process.argv[2] ?? 1_000_000);
const everyMs = 50;

using folder = temporaryFolder('fustor-huge-');
const directory = join(folder.path, 'd');
mkdirSync(directory);
for (let i = 0; i < names; i++) {
  closeSync(openSync(join(directory, `sample_of_a_name_${String(i).padStart(9, '0')}`), 'w'));
}
const site = new Site(folder.path);
const peaks = new Map<string, number>();
const watching = setInterval(() => {
  for (const pid of [...site.pids('fusion'), ...site.pids('agent')]) note(pid);
}, everyMs);
try {
  const startedAt = performance.now();
  await site.start();
  await site.live(600_000);
  console.log(`${names} names in one directory: live after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  console.log(`the view equals the directory: ${await site.same(120_000)} entries`);
} finally {
  clearInterval(watching);
  await site.dispose();
}
for (const [process, mebibytes] of peaks) console.log(`${process}: ${mebibytes.toFixed(0)} MiB`);

/** A process may have ended meanwhile. */
function note(pid: number): void {
  try {
    const [program = '', part = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const name = `${program.split('/').at(-1)}${part.startsWith('-') ? ', shell' : `, ${part}`}`;
    const kibibytes = Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    peaks.set(name, Math.max(peaks.get(name) ?? 0, kibibytes / 1024));
  } catch {}
}
