import {closeSync, mkdirSync, openSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {Site} from '../../lib/site.ts';
import {until} from '../../lib/until.ts';
import {findSeconds} from '../find-seconds.ts';
import {median} from '../load.ts';
import {MemoryPeaks} from '../memory-peaks.ts';
import {ScratchDisk} from '../scratch-disk.ts';
import type {Stage} from '../stage.ts';

const pageEntries = 200;
const farPage = 5_000;
const rounds = 50;

/** A directory of as many names as the common tree has files. */
export async function hugeDirectory({rows, settings, folder}: Stage): Promise<void> {
  const names = settings.files;
  const what = `a directory of ${names.toLocaleString('en')}`;
  const disk = ScratchDisk.make(folder, 'huge', names);
  const root = join(disk.path, 'tree');
  const directory = join(root, 'd');
  mkdirSync(directory, {recursive: true});
  for (let i = 0; i < names; i++) make(join(directory, `sample_of_a_name_${String(i).padStart(9, '0')}`));
  const find = findSeconds(root);
  const site = new Site(root);
  try {
    await site.prepare();
    await site.startFusion();
    const peaks = new MemoryPeaks(() => [...site.pids('fusion'), ...site.pids('agent')]);
    const startedAt = performance.now();
    site.run('agent');
    await site.live(600_000);
    const seconds = (performance.now() - startedAt) / 1000;
    const against = `find: ${find.toFixed(2)} s, snapshot: ${seconds.toFixed(2)} s`;
    rows.add({name: `${what}, to a complete view`, value: seconds / find, unit: '× find -printf', against});

    await pageMs(site, undefined); // a gateway that has answered nothing yet is slower
    const first = await pageMs(site, undefined);
    const {cursor, number} = await walk(site, Math.min(farPage, Math.floor(names / pageEntries) - 1));
    const far = await pageMs(site, cursor);
    rows.add({name: `${what}, first page of ${pageEntries}`, value: first, unit: 'ms', against: `median of ${rounds}`});
    rows.add({
      name: `${what}, page ${number.toLocaleString('en')} by its cursor`,
      value: far / first,
      unit: '× the first page',
      against: `${far.toFixed(1)} ms, median of ${rounds}`,
      goal: {atMost: 1.5},
    });

    const path = join(directory, 'sample_of_a_name_000000500_and_a_half');
    rows.add({name: `${what}, one more is visible`, value: await msUntil(site, 200, () => make(path)), unit: 'ms'});
    rows.add({name: `${what}, one less is visible`, value: await msUntil(site, 404, () => rmSync(path)), unit: 'ms'});
    peaks.stop();
    for (const [role, part] of [
      ['fusion', 'engine-site'],
      ['agent', 'payload-site'],
      ['fusion', 'gateway-1'],
    ] as const) {
      const mebibytes = peaks.of(site.partPid(role, part)) / 2 ** 20;
      rows.add({name: `${what}, largest memory of the ${part.replace(/-.*/, '')}`, value: mebibytes, unit: 'MiB'});
    }
  } finally {
    await site.dispose();
    disk.dispose();
  }
}

function make(path: string): void {
  closeSync(openSync(path, 'w'));
}

function pagePath(cursor: string | undefined): string {
  return `/api/v1/fs/tree?path=/d&limit=${pageEntries}${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
}

async function pageMs(site: Site, cursor: string | undefined): Promise<number> {
  const ms: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now();
    const {text} = await site.get(pagePath(cursor));
    ms.push(performance.now() - startedAt);
    const {length} = JSON.parse(text).data.children;
    if (length !== pageEntries) throw new Error(`a page of ${pageEntries} has ${length}: ${text.slice(0, 300)}`);
  }
  return median(ms);
}

/** Goes from page to page; `cursor` leads to page `number`. */
async function walk(site: Site, pages: number): Promise<{cursor: string | undefined; number: number}> {
  let cursor: string | undefined;
  let number = 1;
  for (; number < pages; number++) cursor = JSON.parse((await site.get(pagePath(cursor))).text).meta.next_cursor;
  return {cursor, number};
}

/** From a change until the view says so of the name that it is about. */
async function msUntil(site: Site, status: number, change: () => void): Promise<number> {
  const path = '/api/v1/fs/stat?path=/d/sample_of_a_name_000000500_and_a_half';
  const startedAt = performance.now();
  change();
  await until(async () => (await site.get(path)).status === status, {everyMs: 1, what: `status ${status}`});
  return performance.now() - startedAt;
}
