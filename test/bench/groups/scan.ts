import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {Site} from '../../lib/site.ts';
import {until} from '../../lib/until.ts';
import {median} from '../load.ts';
import type {Stage} from '../stage.ts';

/** From a storage that nobody has looked at to a view that answers, beside `find`, which prints the same and keeps nothing. */
export async function scanGroup(stage: Stage): Promise<void> {
  const {root, entries} = stage.tree();
  const find = median([1, 2, 3].map(() => secondsOfFind(root)));
  const site = new Site(root);
  stage.keep(site);
  const peaks = watchMemory(() => [...site.pids('agent'), ...site.pids('fusion')]);
  await site.prepare();
  await site.startFusion();
  const startedAt = performance.now();
  site.run('agent');
  await until(async () => (await site.status()).meta.sync === 'live', {
    timeoutMs: 300_000,
    everyMs: 20,
    what: 'the snapshot',
  });
  const seconds = (performance.now() - startedAt) / 1000;
  stage.rows.add({
    name: 'first snapshot, start of the agent to answerable',
    value: seconds / find,
    unit: '× find -printf',
    against: `find: ${find.toFixed(2)} s, snapshot: ${seconds.toFixed(2)} s, ${entries} entries`,
    goal: {atMost: 2},
  });
  const peak = peaks.stop();
  for (const [part, pid] of [
    ['agent payload', site.partPid('agent', 'payload-site')],
    ['engine', site.partPid('fusion', 'engine-site')],
  ] as const) {
    const bytes = peak.get(pid) ?? 0;
    stage.rows.add({name: `${part}, largest memory of its own`, value: bytes / 2 ** 20, unit: 'MiB'});
  }
}

/** Cold caches cannot be had without root's help for both; both read a tree that was just made, from memory. */
function secondsOfFind(root: string): number {
  const startedAt = performance.now();
  const {status} = spawnSync('sh', ['-c', `find "$0" -printf '%P|%y|%s|%T@\\n' >/dev/null`, root]);
  if (status !== 0) throw new Error('find failed');
  return (performance.now() - startedAt) / 1000;
}

/** The largest `VmRSS`, less what is mapped from files (the tree itself is such a map), of processes over time. */
function watchMemory(pids: () => number[]): {stop(): Map<number, number>} {
  const peak = new Map<number, number>();
  const timer = setInterval(() => {
    for (const pid of pids()) {
      try {
        const text = readFileSync(`/proc/${pid}/status`, 'utf8');
        const bytes = Number(/RssAnon:\s+(\d+)/.exec(text)?.[1] ?? 0) * 1024;
        peak.set(pid, Math.max(peak.get(pid) ?? 0, bytes));
      } catch {
        // it has ended
      }
    }
  }, 50);
  return {
    stop: () => {
      clearInterval(timer);
      return peak;
    },
  };
}
