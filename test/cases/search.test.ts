import {mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {Site} from '../lib/site.ts';
import {until} from '../lib/until.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test('a search finds what came, moved and went a moment ago, also after a kill of the fusion', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-tree-'));
  cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
  for (let d = 0; d < 50; d++) {
    mkdirSync(join(directory, `run-${d}`));
    for (let f = 0; f < 20; f++) writeFileSync(join(directory, `run-${d}`, `sample_${f}.dat`), 'x');
  }
  const site = new Site(directory);
  cleanups.push(() => site.dispose());
  await site.start();
  await site.live();
  const found = async (query: string) => {
    const {data} = JSON.parse((await site.get(`/api/v1/fs/search?${query}`)).text) as {data: {path: string}[]};
    return data.map(({path}) => path).sort();
  };
  const finds = (query: string, paths: string[]) =>
    until(async () => JSON.stringify(await found(query)) === JSON.stringify(paths), {
      what: `${query} to find ${paths}`,
    });

  expect(await found('pattern=zebra')).toEqual([]);
  expect(await found('pattern=sample_7&limit=1000')).toHaveLength(50);
  writeFileSync(join(directory, 'run-7', 'late-Zebra.dat'), 'x');
  await finds('pattern=ZEBRA&ignore_case=true', ['/run-7/late-Zebra.dat']);
  mkdirSync(join(directory, 'new'));
  writeFileSync(join(directory, 'new', 'zebra.txt'), 'x');
  renameSync(join(directory, 'run-7'), join(directory, 'renamed'));
  await finds('pattern=*[Zz]ebra.*', ['/new/zebra.txt', '/renamed/late-Zebra.dat']);
  await site.kill('fusion');
  await site.startFusion();
  expect(await found('pattern=*{late,new}-Zebra*')).toEqual(['/renamed/late-Zebra.dat']);
  rmSync(join(directory, 'renamed'), {recursive: true});
  await finds('pattern=ebra', ['/new/zebra.txt']);
});
