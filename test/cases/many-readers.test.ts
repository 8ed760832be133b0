import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, writeFileSync} from 'node:fs';
import {get} from 'node:http';
import {join} from 'node:path';
import {gunzipSync, zstdDecompressSync} from 'node:zlib';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {askAgain} from '../bench/query/ask-again.ts';
import {getRequest} from '../bench/query/connection.ts';
import {endlessScans} from '../bench/query/endless-scans.ts';
import {makeTree} from '../lib/make-tree.ts';
import {Site} from '../lib/site.ts';
import {temporaryFolder} from '../lib/temporary-folder.ts';
import {until} from '../lib/until.ts';

const key = {'X-API-Key': 'key-of-the-scripts'};
const whole = '/api/v1/fs/tree?recursive=true';

let folder: ReturnType<typeof temporaryFolder>;
let site: Site;
/** How many nobody writes to. */
let files = 0;
beforeEach(async () => {
  folder = temporaryFolder('fustor-readers-');
  makeTree(folder.path, 20_000);
  mkdirSync(join(folder.path, 'small'));
  for (let i = 0; i < 250; i++) writeFileSync(join(folder.path, 'small', `file-${i}`), 'x');
  mkdirSync(join(folder.path, 'written'));
  for (let i = 0; i < 100; i++) mkdirSync(join(folder.path, 'written', String(i)));
  site = await new Site(folder.path).start();
  await site.live();
  await site.same();
  files = countBelow(JSON.parse((await site.get(whole)).text).data.children);
});
afterEach(async () => {
  await site.dispose();
  folder.remove();
});

test('downloads, scans, changes and a thousand small requests a second beside each other: none fails, none is torn', async () => {
  const over = new AbortController();
  const scanning = endlessScans(site, over.signal);
  const program = join(import.meta.dirname, '../bench/visible/write-files.ts');
  const args = [
    '--disable-warning=ExperimentalWarning',
    program,
    join(folder.path, 'written'),
    '1000000',
    '1000',
    '1000',
  ];
  const writer = spawn(process.execPath, args, {stdio: ['ignore', 'ignore', 'inherit']});
  const downloading = ['identity', 'gzip', 'zstd'].map(coding => downloads(coding, over.signal));
  const seqs = watchSeq(over.signal);
  const paths = ['fs/tree?path=/small', 'fs/stat?path=/small', 'fs/stats?path=/small'];
  const requests = paths.map(path => getRequest(`/api/v1/${path}`, key));
  // Rejects when any answer is another than 200, or a connection breaks.
  const asked = await askAgain({port: site.port, requests, connections: 16, durationMs: 5_000, perSecond: 1_000});
  over.abort();
  writer.kill();
  await once(writer, 'exit');
  expect(asked.perSecond * 5).toBeGreaterThan(1_000);
  expect((await Promise.all(downloading)).every(count => count > 0)).toBe(true);
  expect(await scanning).toBeGreaterThan(0);
  await seqs;
  expect(site.log('fusion')).not.toContain('broke off');
  await site.same();
});

/** Downloads the tree again and again; each must be whole: all that nobody writes to is there, once. Resolves to how many. */
async function downloads(coding: string, over: AbortSignal): Promise<number> {
  let count = 0;
  while (!over.aborted) {
    const {bytes, coding: told} = await fetchRaw(coding);
    expect(told).toBe(coding === 'identity' ? null : coding);
    const body = coding === 'gzip' ? gunzipSync(bytes) : coding === 'zstd' ? zstdDecompressSync(bytes) : bytes;
    const {data} = JSON.parse(body.toString());
    const still = data.children.filter(({name}: {name: string}) => name !== 'written');
    expect(new Set(still.map(({name}: {name: string}) => name)).size).toBe(still.length);
    expect(countBelow(still)).toBe(files);
    count++;
  }
  return count;
}

async function fetchRaw(coding: string): Promise<{bytes: Buffer; coding: string | null}> {
  const {promise, resolve, reject} = Promise.withResolvers<{bytes: Buffer; coding: string | null}>();
  get(`${site.url}${whole}`, {headers: {...key, 'accept-encoding': coding}, agent: false}, response => {
    const chunks: Buffer[] = [];
    const told = response.headers['content-encoding'] ?? null;
    response.on('data', chunk => chunks.push(chunk)).on('error', reject);
    response.on('end', () => resolve({bytes: Buffer.concat(chunks), coding: told}));
  }).on('error', reject);
  return promise;
}

type Node = {content_type: string; children?: Node[]};

function countBelow(nodes: readonly Node[]): number {
  return nodes.reduce((sum, {content_type, children = []}) => {
    return sum + Number(content_type === 'file') + countBelow(children);
  }, 0);
}

/** However many gateways answer, the tree only moves on. */
async function watchSeq(over: AbortSignal): Promise<void> {
  let last = 0;
  while (!over.aborted) {
    const {seq} = (await site.status()).meta;
    expect(seq).toBeGreaterThanOrEqual(last);
    last = seq;
  }
  await until(async () => (await site.status()).meta.seq >= last);
}
