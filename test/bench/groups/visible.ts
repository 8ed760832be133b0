import {closeSync, mkdirSync, openSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import type {Site} from '../../lib/site.ts';
import {until} from '../../lib/until.ts';
import {percentile} from '../load.ts';
import type {Stage} from '../stage.ts';
import {syncReadRows} from './sync-read.ts';

/** How soon a script sees what somebody did. */
export async function visibleGroup(stage: Stage): Promise<void> {
  const site = await stage.site();
  const ms = await latency(site, stage.tree().root);
  const against = `at ${ms.rate.toFixed(0)} files a second, one in 50 asked for again and again`;
  const figure = (part: number, atMost: number) =>
    stage.rows.add({
      name: `closed → visible in fs/tree, p${part * 100}`,
      value: percentile(ms.waits, part),
      unit: 'ms',
      against,
      goal: {atMost},
    });
  figure(0.5, 20);
  figure(0.99, 100);
  await syncReadRows(stage);
}

/** 1,000 files a second are written and closed in as many directories as the tree has; one in ten is waited for. */
async function latency(site: Site, root: string): Promise<{rate: number; waits: number[]}> {
  const folder = join(root, 'written');
  mkdirSync(folder);
  for (let i = 0; i < 100; i++) mkdirSync(join(folder, String(i)));
  await until(async () => (await site.get('/api/v1/fs/tree?path=/written/99')).status === 200, {
    what: 'the directories',
  });
  const waits: Promise<number>[] = [];
  const startedAt = performance.now();
  for (let i = 0; i < 10_000; i++) {
    const due = startedAt + i;
    const wait = due - performance.now();
    if (wait > 1) await new Promise(resolve => setTimeout(resolve, wait));
    const name = `${i % 100}/file-${i}`;
    const descriptor = openSync(join(folder, name), 'w');
    writeSync(descriptor, 'x');
    closeSync(descriptor);
    if (i % 50 === 0) waits.push(visibleAfter(site, `/written/${name}`));
  }
  const rate = 10_000_000 / (performance.now() - startedAt);
  return {rate, waits: await Promise.all(waits)};
}

async function visibleAfter(site: Site, path: string): Promise<number> {
  const startedAt = performance.now();
  while ((await site.get(`/api/v1/fs/tree?max_depth=0&path=${path}`)).status !== 200) {
    await new Promise(resolve => setTimeout(resolve, 1));
  }
  return performance.now() - startedAt;
}
