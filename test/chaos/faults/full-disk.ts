import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {ChaosSite} from '../site/chaos-site.ts';
import type {Fault} from './fault.ts';

const chunkFiles = 3_000;
const chunksMax = 20;
/** A change that is stored is seen much sooner. */
const unseenMs = 3_000;

/**
 * Not one byte is free below fusion's data. A store goes on for long in the pages that it has, so files are made until the
 * view does not follow any more; when there is space again, it does. A store that was larger once has room within itself for
 * all of them: then nothing is to be seen of a full disk, which is as it should be.
 */
export const fullDisk: Fault = {
  name: 'full-disk',
  weight: 3,
  async inflict({site}) {
    const folder = join(site.storage, 'bulk');
    mkdirSync(folder, {recursive: true});
    // What the engine frees for itself, as its log does when it is turned over, is taken again.
    const filling = setInterval(() => site.disk.fill(), 100);
    try {
      site.disk.fill();
      await fillStore(site);
      await sleep(5_000);
    } finally {
      clearInterval(filling);
      site.disk.free();
      rmSync(folder, {recursive: true});
    }
  },
};

/** Until the view stops following, or there are enough. */
async function fillStore(site: ChaosSite): Promise<void> {
  for (let chunk = 0; chunk < chunksMax; chunk++) {
    const path = `/bulk/${chunk}`;
    mkdirSync(join(site.storage, path));
    for (let i = 0; i < chunkFiles; i++) writeFileSync(join(site.storage, path, `file-${i}-for-a-full-disk`), '');
    if (!(await isSeen(site, `${path}/file-${chunkFiles - 1}-for-a-full-disk`))) return;
  }
}

async function isSeen(site: ChaosSite, path: string): Promise<boolean> {
  const deadline = performance.now() + unseenMs;
  while (performance.now() < deadline) {
    if ((await site.get(`/api/v1/fs/stat?path=${path}`)).status === 200) return true;
    await sleep(50);
  }
  return false;
}
