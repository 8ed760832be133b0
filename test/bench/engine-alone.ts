import {randomBytes} from 'node:crypto';
import {statSync} from 'node:fs';
import {join} from 'node:path';
import {DeathMarkFile} from '../../cmd/fusion/engine/death-marks.ts';
import {Engine} from '../../cmd/fusion/engine/engine.ts';
import {EngineMetrics} from '../../cmd/fusion/engine/engine-metrics.ts';
import {systemClock} from '../../cmd/system-clock.ts';
import {fromText} from '../../core/entry/byte-string.ts';
import {type Attributes, type Entry, kinds, newEntryFrom} from '../../core/entry/entry.ts';
import {packRun} from '../../core/entry/packed.ts';
import {joinPath, type Path, rootPath} from '../../core/entry/path.ts';
import type {Log} from '../../core/log/log.ts';
import {countWithin} from '../../core/pipe/event-bytes.ts';
import {encodeBatch} from '../../core/protocol/codec.ts';
import type {FsEvent} from '../../core/protocol/events.ts';
import {openTreeStore} from '../../store/tree-store.ts';
import {Prng} from '../lib/prng.ts';
import {cpuSeconds} from './process-figures.ts';

/**
 * An engine with its store and nothing else: no agent, no HTTP. `node engine-alone.ts FOLDER FILES` prints what it took, from encoded
 * batches, as a pipe makes and sends them, to their durable commits.
 */
export type EngineAlone = {entries: number; listings: Spent; events: number; realtime: Spent; bytes: number};
export type Spent = {seconds: number; cpuSeconds: number};

const filesPerDirectory = 83;
const directoriesPerDirectory = 12;
/** What `fustor.example.yaml` says of a sender. */
const batch = {eventsMax: 2_000, bytesMax: 2 ** 20, isFirst: true};
const windowBatches = 4;

const [folder = '', files = '1000000'] = process.argv.slice(2);
const silent: Log = {debug() {}, info() {}, warn: console.error, error: console.error, child: () => silent};
const directories: Path[] = [];
let entries = 0;
let number = 0;

const store = await openTreeStore(folder);
const marks = new DeathMarkFile(join(folder, 'under-way'));
const limits = {cacheWindowMs: 120_000, hotFileThresholdMs: 30_000, tombstoneRetentionMs: 3_600_000};
const engine = new Engine(
  {view: 'bench', ...limits, sessionTimeoutMs: 30_000},
  {
    ...{store, marks, clock: systemClock, log: silent, metrics: new EngineMetrics('bench')},
    randomId: () => randomBytes(12).toString('hex'),
    keepAside: async () => undefined,
  },
);
await engine.start();
const asked = {view: 'bench', schema: 'fs' as const, agent_id: 'a', pipe: 'p', instance: 'i', source: '/'};
const {session_id: session, hlc} = await engine.open(asked, 'key');
const listings = await spentOn(batchesOf(listingsOf(Number(files))));
const {blocks} = statSync(join(folder, 'tree.mdb'));
const events = Math.min(100_000, entries);
const realtime = await spentOn(batchesOf(upserts(events)));
const result: EngineAlone = {entries, listings, events, realtime, bytes: blocks * 512};
console.log(JSON.stringify(result));
await store.close();
marks.close();

/** Keeps as many batches under way as a pipe does. */
async function spentOn(batches: readonly {number: number; bytes: Uint8Array}[]): Promise<Spent> {
  const [startedAt, cpuBefore] = [performance.now(), cpuSeconds(process.pid)];
  const rest = batches.values();
  const send = async () => {
    for (const {number, bytes} of rest) await engine.receive({session, number, sentAt: performance.now(), bytes});
  };
  await Promise.all(Array.from({length: windowBatches}, send));
  return {seconds: (performance.now() - startedAt) / 1000, cpuSeconds: cpuSeconds(process.pid) - cpuBefore};
}

function batchesOf(events: FsEvent[]): {number: number; bytes: Uint8Array}[] {
  const batches = [];
  for (let at = 0; at < events.length; ) {
    const part = events.slice(at, at + Math.max(1, countWithin(events.slice(at, at + batch.eventsMax), batch)));
    at += part.length;
    const heard = {hlc, at: performance.now()};
    batches.push({number: ++number, bytes: encodeBatch({session, number, heard, events: part})});
  }
  return batches;
}

/** Directories of files, nested, as `test/lib/make-tree.ts` makes them, from the top down. */
function listingsOf(files: number): FsEvent[] {
  const events: FsEvent[] = [];
  const queue: Path[] = [rootPath];
  for (let left = files, path = queue.shift(); path !== undefined && left > 0; path = queue.shift()) {
    const count = Math.min(filesPerDirectory, left);
    left -= count;
    const room = Math.floor(left / filesPerDirectory) - queue.length;
    const below = Array.from({length: Math.max(0, Math.min(directoriesPerDirectory, room))}, (_, i) =>
      directoryName(i),
    );
    const names = [...below, ...Array.from({length: count}, (_, i) => fileName(i))].sort();
    const listed = names.map((name, i) => entryOf(name, entries + i));
    for (const name of below) queue.push(joinPath(path, name));
    directories.push(path);
    entries += listed.length;
    const common = {kind: 'listing', source: 'snapshot', evidence: hlc, after: undefined, until: undefined} as const;
    events.push({...common, path, self: attributesOf(kinds.directory, 0), entries: packRun(listed)});
  }
  return events;
}

/** Files that are written again, each in a directory anywhere. */
function upserts(count: number): FsEvent[] {
  const random = new Prng(1);
  return Array.from({length: count}, (_, i): FsEvent => {
    const path = joinPath(
      directories[random.below(directories.length - 1)]!,
      fileName(random.below(filesPerDirectory)),
    );
    const attributes = attributesOf(kinds.file, 1_000_000 + i);
    return {kind: 'upsert', path, attributes, isAtomic: true, observedAt: performance.now()};
  });
}

function entryOf(name: ReturnType<typeof fileName>, seed: number): Entry {
  return newEntryFrom(name, attributesOf(name.startsWith('directory') ? kinds.directory : kinds.file, seed));
}

function attributesOf(kind: Attributes['kind'], seed: number): Attributes {
  const time = {seconds: 1_700_000_000 + (seed % 1_000_000), nanos: (seed * 123_456_789) % 1_000_000_000};
  return {kind, size: seed * 1000, mtime: time, ctime: time};
}

function fileName(i: number) {
  return fromText(`file-${i}-of-some-data.dat`);
}

function directoryName(i: number) {
  return fromText(`directory-${i}`);
}
