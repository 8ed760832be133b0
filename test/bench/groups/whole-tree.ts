import {join} from 'node:path';
import {readRecords} from '../../../cmd/shell/part-record.ts';
import type {Site} from '../../lib/site.ts';
import {download} from '../download.ts';
import {median} from '../load.ts';
import {anonymousBytesOf} from '../process-usage.ts';
import type {Stage} from '../stage.ts';

const authorization = {authorization: 'Bearer key-of-the-scripts'};
const rounds = 7;

/** Everything below the root in one answer. */
export async function wholeTree(stage: Stage): Promise<void> {
  const site = await stage.site();
  const {entries} = stage.tree();
  const url = `${site.url}/api/v1/fs/tree?recursive=true`;
  const growth = await growthOf(site, () => download(url, authorization, {pauseMs: 5, endMs: 4_000}));
  const perSecond: number[] = [];
  const firstByte: number[] = [];
  let bytes = 0;
  await download(url, authorization);
  for (let round = 0; round < rounds; round++) {
    const taken = await download(url, authorization);
    perSecond.push((entries * 1000) / taken.totalMs);
    firstByte.push(taken.firstByteMs);
    bytes = taken.bytes;
  }
  const stringified = await stringifiedPerSecond(url, entries);
  const size = `${(bytes / 2 ** 20).toFixed(0)} MiB, median of ${rounds}`;
  stage.rows.add({
    name: 'whole tree as JSON, entries a second',
    value: median(perSecond),
    unit: '/s',
    against: `JSON.stringify of the same tree as objects: ${stringified.toFixed(0)}/s; ${size}`,
    goal: {atLeast: 2_000_000},
  });
  stage.rows.add({
    name: 'whole tree as JSON, first byte',
    value: median(firstByte),
    unit: 'ms',
    against: `slowest ${Math.max(...firstByte).toFixed(1)} ms`,
    goal: {atMost: 20},
  });
  stage.rows.add({
    name: 'whole tree as JSON, memory growth of the gateways with a slow reader',
    value: growth / 2 ** 20,
    unit: 'MiB',
    against: 'anonymous memory, most while 12 MiB/s are read',
    goal: {atMost: 64},
  });
}

/** The most that all gateways together had above what they had before. */
async function growthOf(site: Site, work: () => Promise<unknown>): Promise<number> {
  const pids = readRecords(join(site.folder, 'fusion', 'run'))
    .filter(({name}) => name.startsWith('gateway-'))
    .map(({pid}) => pid);
  const now = () => pids.reduce((sum, pid) => sum + anonymousBytesOf(pid), 0);
  const before = now();
  let most = before;
  const look = setInterval(() => {
    most = Math.max(most, now());
  }, 50);
  await work();
  clearInterval(look);
  return most - before;
}

async function stringifiedPerSecond(url: string, entries: number): Promise<number> {
  const tree = await (await fetch(url, {headers: authorization})).json();
  const perSecond: number[] = [];
  for (let round = 0; round < 3; round++) {
    const startedAt = performance.now();
    JSON.stringify(tree);
    perSecond.push((entries * 1000) / (performance.now() - startedAt));
  }
  return median(perSecond);
}
