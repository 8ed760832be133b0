import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {availableParallelism} from 'node:os';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {wrongTotals} from '../test/lib/recount.ts';
import {type Call, type CallLog, imageOf, readCallLog} from '../test/lib/store-faults/call-log.ts';
import {faultsEnvironment} from '../test/lib/store-faults/shim.ts';
import {commits, doNextCommit, newId, storedCommits} from '../test/lib/store-sequence.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {type Databases, openDatabases, rowsOf} from './databases.ts';
import {openTreeReader, openTreeStore} from './tree-store.ts';

/**
 * A sequence of commits is cut off at every call that writes, by the death of the process and by a power failure, and the store
 * is opened again: it must be what it was before or after the commit that was under way, and go on from there.
 *
 * The kernel keeps what a process wrote, so a kill leaves exactly a prefix of its calls. That is checked with processes that
 * really die, before and after each commit; the other calls are replayed from a log. A power failure keeps what was flushed
 * and any part of what was written since.
 */
const program = join(import.meta.dirname, '../test/lib/store-sequence.ts');
const failingProgram = join(import.meta.dirname, '../test/lib/store-faults/fail-every-write.ts');
/** Real processes die at every call, and each point is continued to the end of the sequence: a quarter of an hour. */
const isThorough = process.env.FUSTOR_STORE_FAILURES === 'all';
const stride = isThorough ? 1 : 25;

let folder: ReturnType<typeof temporaryFolder>;
let log: CallLog;
/** What is in the store after so many commits, as a hash of all its rows. */
let expected: string[];

beforeAll(async () => {
  folder = temporaryFolder();
  const path = join(folder.path, 'logged');
  const file = join(folder.path, 'log');
  await run(path, {log: file});
  log = readCallLog(file);
  expected = await fingerprints();
  expect(new Set(expected).size).toBe(commits + 1);
}, 60_000);
afterAll(() => folder.remove());

test('a process that dies before or after any commit leaves the old or the new state, and what is replayed is what it left', async () => {
  const points = isThorough
    ? log.calls.flatMap((_, index) => (['before', 'torn', 'after'] as const).map(when => ({when, call: index + 1})))
    : log.commits.flatMap(call => (['before', 'after'] as const).map(when => ({when, call}))); // the last of a commit
  const check = async ({when, call}: (typeof points)[number], worker: number) => {
    const path = join(folder.path, `killed-${worker}`);
    rmSync(path, {recursive: true, force: true});
    expect(await run(path, {kill: {when, call}})).toBe('SIGKILL');
    const image = readFileSync(join(path, 'tree.mdb'));
    expect(image.equals(prefix(when === 'after' ? call : call - 1, when === 'torn' ? call - 1 : undefined))).toBe(true);
    const stored = await reopen(path, `${when} call ${call}`);
    expect(stored).toBe(commitsAfter(when === 'after' ? call : call - 1));
    await finish(path);
  };
  await inParallel(points, check);
  console.info(`${points.length} processes were killed, at ${commits} commits of ${log.calls.length} calls`);
}, 3_600_000);

test('a process that dies at any call, in the middle of it too, leaves the old or the new state', async () => {
  let points = 0;
  for (let call = 0; call <= log.calls.length; call++) {
    const torn = log.calls[call]?.type === 'write' ? [undefined, call] : [undefined];
    for (const tornCall of torn) {
      await tryImage(prefix(call, tornCall), {name: `after ${call} calls`, call, point: points++});
    }
  }
  console.info(`${points} points of death were replayed`);
}, 3_600_000);

test('a power failure at any moment, whatever the disk kept of what was not flushed, leaves the old or the new state', async () => {
  const tried = new Set<string>();
  let points = 0;
  for (const {durable, since} of windows(log.calls)) {
    const written = log.calls.slice(0, durable).filter(isWrite);
    for (const kept of whatADiskMayKeep(since)) {
      const image = withoutBootId(imageOf([...written, ...kept]));
      const hash = createHash('sha256').update(image).digest('hex');
      if (tried.has(hash)) continue;
      tried.add(hash);
      await tryImage(image, {name: `flushed ${durable} calls, kept ${kept.length}`, call: durable, point: points++});
    }
  }
  console.info(`${points} power failures were replayed`);
}, 3_600_000);

test('whichever write or flush fails, everything in the commit is refused, the store is what it was, and the next commit works', async () => {
  const path = join(folder.path, 'failing');
  mkdirSync(path);
  const child = start(failingProgram, path, {});
  const refused = JSON.parse(await child.said) as {STORE_FULL: number; STORE_FAILED: number};
  expect(await child.signal).toBeNull();
  const calls = log.commits.at(-1)! - log.commits[0]!;
  expect(refused.STORE_FULL).toBeGreaterThan(3 * calls);
  expect(refused.STORE_FAILED).toBeGreaterThan(2 * calls);
  for (const name of readdirSync(path)) expect(fingerprint(join(path, name))).toBe(expected[commits]);
  console.info(`refused bodies: ${JSON.stringify(refused)}`);
}, 600_000);

/** Writes the image as a store and opens it. `call`: so many calls were surely made. */
async function tryImage(
  image: Buffer,
  {name, call, point}: {name: string; call: number; point: number},
): Promise<void> {
  const path = join(folder.path, 'replayed');
  rmSync(path, {recursive: true, force: true});
  mkdirSync(path);
  writeFileSync(join(path, 'tree.mdb'), image);
  const stored = await reopen(path, name);
  const surely = commitsAfter(call);
  expect([surely, surely + 1], name).toContain(stored);
  if (point % stride === 0) await finish(path);
}

/** How many commits are made by so many calls. */
function commitsAfter(calls: number): number {
  return Math.max(
    0,
    log.commits.findLastIndex(made => made <= calls),
  );
}

/** Opens a store as a writer and as a reader. Returns how many commits it has. */
async function reopen(path: string, name: string): Promise<number> {
  const store = await openTreeStore(path, {newId}).catch(error => {
    throw new Error(`The store cannot be opened again, ${name}.`, {cause: error});
  });
  const [stored, wrong] = store.read(txn => [storedCommits(txn), wrongTotals(txn)] as never) as [number, string[]];
  await store.close();
  expect(wrong, name).toEqual([]);
  expect(fingerprint(path), name).toBe(expected[stored]);
  const reader = openTreeReader(path);
  expect(reader.read(storedCommits as never), name).toBe(stored);
  await reader.close();
  return stored;
}

/** Does the rest of the sequence: it ends as if nothing had happened. */
async function finish(path: string): Promise<void> {
  const store = await openTreeStore(path, {newId});
  while ((store.read(storedCommits as never) as number) < commits) await doNextCommit(store);
  expect(store.read(wrongTotals as never)).toEqual([]);
  await store.close();
  expect(fingerprint(path)).toBe(expected[commits]);
}

type Faults = Parameters<typeof faultsEnvironment>[1];

/** Runs the sequence in a process of its own. Returns the signal that ended it. */
function run(path: string, faults: Faults): Promise<string | null> {
  return start(program, path, faults).signal;
}

/** `said`: on stdout. `signal` rejects when the program fails by itself. */
function start(script: string, path: string, faults: Faults): {said: Promise<string>; signal: Promise<string | null>} {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {...faultsEnvironment(path, faults), NODE_COMPILE_CACHE: join(folder.path, 'compiled')},
  });
  const complaints = text(child.stderr);
  const signal = once(child, 'exit').then(async ([code, signal]) => {
    if (code !== 0 && signal !== 'SIGKILL')
      throw new Error(`${script} ended with ${code ?? signal}: ${await complaints}`);
    return signal as string | null;
  });
  return {said: text(child.stdout), signal};
}

async function inParallel<T>(items: readonly T[], use: (item: T, worker: number) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (_: unknown, index: number) => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await use(item, index);
  };
  await Promise.all(Array.from({length: availableParallelism()}, worker));
}

async function fingerprints(): Promise<string[]> {
  const path = join(folder.path, 'expected');
  const found: string[] = [];
  for (let done = 0; done <= commits; done++) {
    const store = await openTreeStore(path, {newId});
    if (done > 0) await doNextCommit(store);
    expect(store.read(wrongTotals as never)).toEqual([]);
    await store.close();
    found.push(fingerprint(path));
  }
  return found;
}

function fingerprint(path: string): string {
  const db = openDatabases(join(path, 'tree.mdb'), {readOnly: true})!;
  const hash = createHash('sha256');
  const {root, ...tables} = db satisfies Databases;
  for (const table of Object.values(tables)) {
    for (const {key, value} of rowsOf(table, {}))
      hash.update(`${key.length} ${value.length} `).update(key).update(value);
    hash.update('|');
  }
  void root.close();
  return hash.digest('hex');
}

type Write = Extract<Call, {type: 'write'}>;

function isWrite(call: Call): call is Write {
  return call.type === 'write';
}

/** What the first calls leave, and of one more its first half. */
function prefix(calls: number, torn?: number): Buffer {
  const next = torn === undefined ? undefined : log.calls[torn];
  return imageOf([...log.calls.slice(0, calls).filter(isWrite), ...(next && isWrite(next) ? [halfOf(next)] : [])]);
}

function halfOf({offset, data, ...rest}: Write): Write {
  return {...rest, offset, data: data.subarray(0, data.length >> 1)};
}

/** What is written between two moments at which all before is surely on the disk: the flushes. */
function windows(calls: readonly Call[]): {durable: number; since: Write[]}[] {
  const found: {durable: number; since: Write[]}[] = [];
  let durable = 0;
  for (const [index, call] of calls.entries()) {
    if (call.type !== 'flush' && index + 1 < calls.length) continue;
    found.push({durable, since: calls.slice(durable, index + 1).filter(isWrite)});
    durable = index + 1;
  }
  return found;
}

/**
 * Nothing, all, each alone, each missing, the first so many, and of each only its first or its last half. A write that returns
 * only when it is durable is there before any that follows it, and says nothing of those before.
 */
function whatADiskMayKeep(since: readonly Write[]): Write[][] {
  const sets: Write[][] = [[], [...since]];
  for (const [index, write] of since.entries()) {
    sets.push([write], since.slice(0, index), since.toSpliced(index, 1));
    const sector = Math.max(512, (write.data.length >> 1) & ~511);
    if (write.data.length <= sector) continue;
    const [first, last] = [write.data.subarray(0, sector), write.data.subarray(sector)];
    sets.push([...since.slice(0, index), {...write, data: first}]);
    sets.push([...since.slice(0, index), {...write, data: last, offset: write.offset + sector}]);
  }
  const isPossible = (kept: readonly Write[]) => {
    const last = kept.at(-1);
    const until = last ? since.findIndex(({offset}) => offset === last.offset) : -1;
    return since.every((write, index) => !write.isDurable || index > until || kept.includes(write));
  };
  return sets.filter(isPossible);
}

/** After a power failure it is another boot: lmdb-js trusts what was not flushed only within one. */
function withoutBootId(image: Buffer): Buffer {
  for (const at of bootIdsAt) {
    if (image.length >= at + 8 && image.readBigInt64LE(at) !== 0n) image.writeBigInt64LE(1n, at);
  }
  return image;
}
const bootIdsAt = [24, 2_072, 4_120].map(meta => meta + 136);
