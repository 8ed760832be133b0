import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {until} from '../../lib/until.ts';
import {anonymousBytesOf} from '../process-usage.ts';

/** Watches a tree. `told` resolves to how many different files it has been told of when no more have come for `quietMs`. */
export type Watcher = {seconds: number; bytes: number; told(): Promise<number>; end(): Promise<void>};

/** At a million files some need longer, or more memory, than the rest of the benchmark together. */
const readyWithinMs = 90_000;
const heapMegabytes = 6_000;

/** chokidar, fs.watch and @parcel/watcher, in a script. */
export async function watchByScript(library: string, root: string, quietMs: number): Promise<Watcher> {
  const program = join(import.meta.dirname, 'script-watcher.ts');
  const flags = ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${heapMegabytes}`];
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...flags, program, library, root], {stdio: ['pipe', 'pipe', 'inherit']});
  const lines = createInterface({input: child.stdout!})[Symbol.asyncIterator]();
  await ready(
    lines.next().then(({done}) => !done),
    child,
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const count = async () => {
    child.stdin!.write('how many?\n');
    return Number((await lines.next()).value);
  };
  return {seconds, bytes: anonymousBytesOf(child.pid!), told: () => settled(count, quietMs), end: () => ended(child)};
}

/** Its daemon, with a folder of its own instead of one in the home directory. */
export async function watchByWatchman(program: string, root: string, quietMs: number): Promise<Watcher> {
  const folder = mkdtempSync(join(tmpdir(), 'watchman-'));
  const socket = join(folder, 'socket');
  const own = [`--sockname=${socket}`, `--logfile=${join(folder, 'log')}`, `--statefile=${join(folder, 'state')}`];
  const ask = (...command: unknown[]) => {
    const args = [...own, '--no-spawn', '--no-pretty', '-j'];
    const {stdout, stderr} = spawnSync(program, args, {
      input: JSON.stringify(command),
      maxBuffer: 2 ** 30,
      encoding: 'utf8',
    });
    const answer = stdout === '' ? {error: stderr.trim()} : JSON.parse(stdout);
    if (answer.error !== undefined) throw new Error(`watchman ${command[0]}: ${answer.error}`);
    return answer;
  };
  const startedAt = performance.now();
  const child = spawn(program, [...own, '--foreground'], {stdio: 'ignore'});
  await until(() => existsSync(socket), {what: 'the socket of watchman', everyMs: 5});
  ask('watch', root);
  const {clock} = ask('clock', root, {sync_timeout: readyWithinMs});
  const seconds = (performance.now() - startedAt) / 1000;
  // `type` f: directories have changed, too, and are not asked for.
  const changed = async () =>
    ask('query', root, {since: clock, expression: ['type', 'f'], fields: ['name'], sync_timeout: 60_000});
  return {
    ...{seconds, bytes: anonymousBytesOf(child.pid!)},
    // After an overflow it crawls anew, and does not know any more what has changed: it tells all that there is.
    told: () =>
      settled(async () => ((await changed()).is_fresh_instance ? 0 : (await changed()).files.length), quietMs),
    end: () => ended(child),
  };
}

async function ready(isReady: Promise<boolean>, child: ChildProcess): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), readyWithinMs);
  const wasReady = await isReady;
  clearTimeout(timer);
  if (wasReady) return;
  const why = child.killed
    ? `not ready after ${readyWithinMs / 1000} s`
    : `ended before it was ready (${heapMegabytes} MB of heap)`;
  throw new Error(why);
}

/** The count when it has not risen for so long. */
async function settled(count: () => Promise<number>, quietMs: number): Promise<number> {
  const deadline = performance.now() + 60_000;
  for (let last = -1, since = performance.now(); ; ) {
    const now = await count();
    if (now !== last) since = performance.now();
    last = now;
    if (performance.now() - since > quietMs || performance.now() > deadline) return now;
    await new Promise(resolve => setTimeout(resolve, 200));
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
