import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {until} from '../../lib/until.ts';
import {median, requestsPerSecond} from '../load.ts';
import type {Stage} from '../stage.ts';
import {wholeTree} from './whole-tree.ts';

const authorization = {authorization: 'Bearer key-of-the-scripts'};

/** What answers cost. */
export async function queryGroup(stage: Stage): Promise<void> {
  await wholeTree(stage);
  const site = await stage.site();
  const {root} = stage.tree();
  const folder = join(root, 'asked');
  mkdirSync(folder);
  for (let i = 0; i < 250; i++) writeFileSync(join(folder, `file-${i}-of-some-data.dat`), 'x');
  const url = `${site.url}/api/v1/fs/tree?path=/asked`;
  const isThere = async () =>
    JSON.parse((await site.get('/api/v1/fs/tree?path=/asked')).text).data?.children?.length === 250;
  await until(isThere, {what: 'the directory'});
  const {bytes} = await requestsPerSecond(url, authorization, {durationMs: 500});
  const bare = spawn(process.execPath, [join(import.meta.dirname, '../bare-hono.ts'), String(bytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = await once(bare.stdout, 'data');
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < 3; round++) {
    ours.push((await requestsPerSecond(url, authorization)).perSecond);
    theirs.push((await requestsPerSecond(`http://127.0.0.1:${Number(port)}/`, {})).perSecond);
  }
  bare.kill();
  stage.rows.add({
    name: 'a directory of 250 entries, requests a second',
    value: median(ours) / median(theirs),
    unit: '× bare Hono',
    against: `bare: ${median(theirs).toFixed(0)}/s, fustor: ${median(ours).toFixed(0)}/s, ${bytes} bytes`,
    goal: {atLeast: 0.4},
  });
}
