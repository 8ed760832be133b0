import {mkdirSync, statSync} from 'node:fs';
import {get} from 'node:http';
import {join} from 'node:path';
import {Site} from '../../lib/site.ts';
import {bytesEach} from '../bytes-each.ts';
import {say} from '../elapsed.ts';
import {makeLargeTree, needles} from '../large-tree.ts';
import {median} from '../load.ts';
import {MemoryPeaks} from '../memory-peaks.ts';
import {anonymousBytesOf} from '../process-usage.ts';
import {restartMs} from '../restart.ts';
import {ScratchDisk} from '../scratch-disk.ts';
import type {Stage} from '../stage.ts';

const parts = [
  ['fusion', 'engine-site'],
  ['fusion', 'gateway-1'],
  ['fusion', 'gateway-2'],
  ['agent', 'payload-site'],
] as const;
/** Bytes an entry. What a burst leaves behind in V8 and malloc is the same at any size, so less says nothing about what grows. */
const memoryGoals: Partial<Record<PartName, {atMost: number}>> = {
  'engine-site': {atMost: 30},
  'payload-site': {atMost: 10},
};
const goalEntriesMin = 10_000_000;
type PartName = (typeof parts)[number][1];

/** What ten million files cost, and what does not get slower by them. */
export async function largeGroup(stage: Stage): Promise<void> {
  const rounds = stage.rounds(5);
  const smallMs = median(await restartMs(await stage.site(), rounds));
  const smallEntries = stage.tree().entries;
  await stage.endSite();
  const base = await memoryOfEmptyTree(join(stage.folder, 'nothing'));

  const files = stage.settings.largeFiles;
  const disk = ScratchDisk.make(stage.folder, 'large', files);
  try {
    const root = join(disk.path, 'tree');
    say(`  making ${count(files)} files`);
    await makeLargeTree(root, files);
    const site = new Site(root);
    try {
      const entries = await measureSnapshot(stage, site, {base});
      await measureAnswers(stage, site, entries);
      const ms = median(await restartMs(site, rounds));
      const name = 'kill -9, exec to first right answer';
      const against = `median of ${rounds}; ${smallMs.toFixed(0)} ms with ${count(smallEntries)} entries`;
      stage.rows.add({
        name: `${name}, ${count(entries)} entries`,
        value: ms,
        unit: 'ms',
        against,
        goal: {atMost: 1000},
      });
      stage.rows.add({name, value: ms / smallMs, unit: `× with ${count(smallEntries)}`, goal: {atMost: 1.5}});
    } finally {
      await site.dispose();
    }
  } finally {
    disk.dispose();
  }
}

/** What each part needs when there is nothing to know. */
async function memoryOfEmptyTree(root: string): Promise<Map<PartName, number>> {
  mkdirSync(root);
  const site = new Site(root);
  try {
    await site.start();
    await site.live();
    return new Map(parts.map(([role, part]) => [part, anonymousBytesOf(site.partPid(role, part))]));
  } finally {
    await site.dispose();
  }
}

/** Returns the number of entries. */
async function measureSnapshot({rows}: Stage, site: Site, {base}: {base: Map<PartName, number>}): Promise<number> {
  const peaks = new MemoryPeaks(() => [...site.pids('fusion'), ...site.pids('agent')]);
  await site.prepare();
  await site.startFusion();
  const startedAt = performance.now();
  site.run('agent');
  await site.live(600_000);
  const seconds = (performance.now() - startedAt) / 1000;
  peaks.stop();
  const {files, directories} = JSON.parse((await site.get('/api/v1/fs/stats')).text).data;
  const entries = files + directories;
  // Without `find` beside it: ten million inodes do not fit into the caches of most machines, and both would read the disk.
  rows.add({
    name: `first snapshot, ${count(entries)} entries`,
    value: entries / seconds,
    unit: 'entries/s',
    against: `${seconds.toFixed(1)} s from the start of the agent to answerable`,
  });
  for (const [role, part] of parts) {
    const pid = site.partPid(role, part);
    const own = base.get(part)!;
    const figure = (when: string, bytes: number, goal?: {atMost: number}) =>
      rows.add({
        name: `${part.replace('-site', '')}, memory ${when}`,
        value: bytesEach({bytes, base: own, count: entries}),
        unit: 'bytes an entry',
        against: `RssAnon ${mebibytes(bytes)} MiB, with an empty tree ${mebibytes(own)}`,
        ...(goal && {goal}),
      });
    const goal = entries < goalEntriesMin ? undefined : memoryGoals[part];
    figure('after the first snapshot', anonymousBytesOf(pid), goal);
    figure('at its peak', peaks.of(pid), part === 'engine-site' ? goal : undefined);
  }
  const {blocks, size} = statSync(join(site.folder, 'fusion/views/site/tree.mdb'));
  rows.add({
    name: 'disk, with all indexes and the log of changes',
    value: (blocks * 512) / entries,
    unit: 'bytes an entry',
    against: `tree.mdb: ${mebibytes(blocks * 512)} MiB of blocks, ${mebibytes(size)} MiB long`,
    goal: {atMost: 110},
  });
  return entries;
}

async function measureAnswers({rows}: Stage, site: Site, entries: number): Promise<void> {
  const ask = async (name: string, path: string, rounds: number, isRight: (answer: Answer) => boolean) => {
    const ms: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const startedAt = performance.now();
      const {text} = await site.get(path);
      ms.push(performance.now() - startedAt);
      if (!isRight(JSON.parse(text))) throw new Error(`${path} was answered ${text.slice(0, 500)}`);
    }
    rows.add({
      name: `${name}, ${count(entries)} entries`,
      value: median(ms),
      unit: 'ms',
      against: `median of ${rounds}`,
    });
  };
  await ask('fs/stats of the root', '/api/v1/fs/stats', 200, ({data}) => data.files + data.directories === entries);
  const folder = '/part-1/directory-1';
  await ask('fs/tree of one directory', `/api/v1/fs/tree?path=${folder}`, 200, ({data}) => data.children.length > 80);
  await ask(
    `${needles} hits by a part of the name`,
    '/api/v1/fs/search?pattern=needle-',
    5,
    ({data}) => data.length === needles,
  );

  const peaks = new MemoryPeaks(() => site.pids('fusion'));
  const before = Math.max(...gateways(site).map(anonymousBytesOf));
  const {bytes, seconds, firstByteMs} = await download(`${site.url}/api/v1/fs/tree?recursive=true`);
  peaks.stop();
  const growth = Math.max(...gateways(site).map(pid => peaks.of(pid))) - before;
  const grown = mebibytes(Math.max(0, growth));
  const against = `${seconds.toFixed(1)} s, ${mebibytes(bytes)} MiB, first byte after ${firstByteMs.toFixed(0)} ms, the gateway grew by ${grown} MiB`;
  rows.add({
    name: `whole tree as JSON, ${count(entries)} entries`,
    value: entries / seconds,
    unit: 'entries/s',
    against,
  });
}

type Answer = {data: {files: number; directories: number; children: unknown[]; length: number}};

function gateways(site: Site): number[] {
  return [site.partPid('fusion', 'gateway-1'), site.partPid('fusion', 'gateway-2')];
}

/** Reads all of an answer and keeps nothing. */
function download(url: string): Promise<{bytes: number; seconds: number; firstByteMs: number}> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    get(url, {headers: {authorization: 'Bearer key-of-the-scripts'}}, response => {
      let bytes = 0;
      let firstByteMs = 0;
      response.on('data', chunk => {
        if (bytes === 0) firstByteMs = performance.now() - startedAt;
        bytes += chunk.length;
      });
      response.on('end', () => resolve({bytes, firstByteMs, seconds: (performance.now() - startedAt) / 1000}));
      response.on('error', reject);
    }).on('error', reject);
  });
}

function count(entries: number): string {
  return entries.toLocaleString('en');
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
