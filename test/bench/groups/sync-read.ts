import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Site} from '../../lib/site.ts';
import {until} from '../../lib/until.ts';
import {percentile} from '../load.ts';
import type {Stage} from '../stage.ts';

/** What it costs to read what was written just before, and to know that it is there: idle, and beside 1,000 changes a second. */
export async function syncReadRows(stage: Stage): Promise<void> {
  const site = await stage.site();
  const reads = stage.isShort ? 30 : 300;
  const folder = join(stage.tree().root, 'sync-read');
  mkdirSync(folder);
  await until(async () => (await syncRead(site, '/')).isReached, {what: 'a sync point'});
  const idle = await times({site, folder, reads, name: 'idle'});
  const stop = changing(folder);
  const busy = await times({site, folder, reads, name: 'busy'});
  const {perSecond} = stop();
  for (const [name, waits, against, goals] of [
    ['idle', idle, `of ${reads}`, [50, 100]],
    ['beside changes', busy, `of ${reads}, beside ${perSecond.toFixed(0)} changes a second`, [50, 200]],
  ] as const) {
    for (const [i, part] of [0.5, 0.99].entries()) {
      stage.rows.add({
        name: `written → read with sync=true, ${name}, p${part * 100}`,
        value: percentile(waits, part),
        unit: 'ms',
        against,
        goal: {atMost: goals[i]!},
      });
    }
  }
}

type Reads = {site: Site; folder: string; reads: number; name: string};

/** Throws when an answer has not what was written before it. */
async function times({site, folder, reads, name}: Reads): Promise<number[]> {
  const waits: number[] = [];
  for (let i = 0; i < reads; i++) {
    writeFileSync(join(folder, `${name}-${i}`), 'x');
    const startedAt = performance.now();
    const {isReached, isFound} = await syncRead(site, `/sync-read/${name}-${i}`);
    waits.push(performance.now() - startedAt);
    if (!isReached || !isFound) throw new Error(`A read with sync=true: reached ${isReached}, found ${isFound}.`);
  }
  return waits;
}

async function syncRead(site: Site, path: string): Promise<{isReached: boolean; isFound: boolean}> {
  const {status, text} = await site.get(`/api/v1/fs/stat?sync=true&sync_timeout=10000&path=${path}`);
  return {isReached: JSON.parse(text).meta.sync_point.is_reached, isFound: status === 200};
}

/** About a thousand files a second are made and changed, until it is told to stop. */
function changing(folder: string): () => {perSecond: number} {
  const startedAt = performance.now();
  let made = 0;
  const timer = setInterval(() => {
    for (const due = performance.now() - startedAt; made < due; made++) {
      writeFileSync(join(folder, `change-${made % 5_000}`), String(made));
    }
  }, 2);
  return () => {
    clearInterval(timer);
    return {perSecond: (made * 1_000) / (performance.now() - startedAt)};
  };
}
