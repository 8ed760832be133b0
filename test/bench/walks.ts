import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import type {BareWalk} from './bare-walk.ts';

/** Ways to walk a whole tree, each a process of its own. Seconds of its wall time. Caches are warm: emptying them takes root. */
const printed = '%P|%y|%s|%T@\\n';

export function secondsOfFind(root: string): number {
  return secondsOf('find', [root, '-printf', printed]);
}

/** `bfs` walks with as many threads as there are processors. */
export function secondsOfBfs(program: string, root: string): number {
  const libraries = join(program, '../../lib', process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu');
  return secondsOf(program, [root, '-printf', printed], {...process.env, LD_LIBRARY_PATH: libraries});
}

/** Of the walk alone, without the start of its process, whose modules an agent has loaded before it walks. */
export function secondsOfBareWalk(root: string, entries: number): number {
  const args = [...process.execArgv, join(import.meta.dirname, 'bare-walk.ts'), root, '2'];
  const {status, stdout} = spawnSync(process.execPath, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']});
  if (status !== 0) throw new Error('the bare walk failed');
  const walk = JSON.parse(stdout) as BareWalk;
  if (walk.entries !== entries) throw new Error(`the bare walk found ${walk.entries} of ${entries} entries`);
  return walk.seconds;
}

function secondsOf(program: string, args: string[], env = process.env): number {
  const startedAt = performance.now();
  const {status, error} = spawnSync(program, args, {env, stdio: ['ignore', 'ignore', 'inherit']});
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? `exit code ${status}`}`);
  return (performance.now() - startedAt) / 1000;
}
