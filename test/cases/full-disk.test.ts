import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {systemErrorCode} from '../../core/errors/fustor-error.ts';
import {batchContentType, batchNumberHeader, sentAtHeader} from '../../core/protocol/batch.ts';
import {encodeBatch} from '../../core/protocol/codec.ts';
import {makeTree} from '../lib/make-tree.ts';
import {Site} from '../lib/site.ts';
import {throughout} from '../lib/throughout.ts';
import {until} from '../lib/until.ts';
import {upsert} from '../lib/view.ts';

/** The fusion's data is on a small disk of its own, which fills while the first snapshot runs. */
const smallKiB = 2_048;
const largeKiB = 65_536;
const files = 40_000;
const observedMs = 4_000;

let cleanups: (() => unknown)[];
let site: Site;
let disk: string;
beforeEach(async () => {
  cleanups = [];
  const directory = mkdtempSync(join(tmpdir(), 'fustor-tree-'));
  cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
  makeTree(directory, files);
  site = new Site(directory);
  cleanups.push(() => rmSync(site.folder, {recursive: true, force: true}));
  disk = join(site.folder, 'fusion');
  mkdirSync(disk);
  mount(smallKiB);
  cleanups.push(() => execFileSync('umount', ['--lazy', disk]));
  cleanups.push(() => site.stop('fusion'));
  cleanups.push(() => site.stop('agent'));
  await site.start();
  await until(() => site.log('fusion').includes('nothing can be stored'), {what: 'a full disk'});
});
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

function mount(kibibytes: number, how: 'mount' | 'remount' = 'mount'): void {
  const options = how === 'remount' ? `remount,size=${kibibytes}k` : `size=${kibibytes}k,mode=700`;
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]);
}

/** Leaves not a byte. */
function fill(): void {
  try {
    for (;;) writeFileSync(join(disk, 'filler'), Buffer.alloc(4096), {flag: 'a'});
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOSPC') throw error;
  }
}

/** Whatever is asked of the tree is answered. */
async function answers(): Promise<void> {
  for (const path of ['fs/tree', 'fs/tree?path=/directory-0&max_depth=1', 'fs/stat?path=/', 'status']) {
    expect([path, (await site.get(`/api/v1/${path}`)).status]).toEqual([path, 200]);
  }
}

/** As the agent's log has it. */
async function openedSession(): Promise<string> {
  const told = () => /"session":"(site\.\w+)"/.exec(site.log('agent'))?.[1];
  return until(told, {what: 'a session'});
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
const lines = () => (['fusion', 'agent'] as const).map(role => site.log(role).split('\n').length);
const scansBegun = () => site.log('agent').match(/scan begins/g)?.length;
const sessions = async () => (await site.status()).data.agents.map(({session, role}) => ({session, role}));

/** Room comes: everything goes on by itself, in the session that it was in. */
async function recovers(session: string): Promise<void> {
  mount(largeKiB, 'remount');
  await site.live();
  await site.same(60_000);
  expect(scansBegun()).toBe(1);
  expect((await sessions()).find(({role}) => role === 'leader')).toEqual({session, role: 'leader'});
  expect((await site.status()).data).toMatchObject({rejected: {count: 0, last: null}});
}

test('a disk that fills during the first snapshot: the tree is answered all the time, agents wait, and then everything goes on', async () => {
  const session = await openedSession();
  const before = lines();
  await throughout(pause(observedMs), answers);
  const after = lines();
  // A few words at the beginning, and not with each attempt.
  expect(after.map((count, index) => count - before[index]!).every(more => more <= 5)).toBe(true);
  expect(await refusal()).toEqual({status: 507, code: 'STORE_FULL', retryAfterS: 5});
  await recovers(session);
});

test('everything killed and started again on a full disk: the tree is answered, and with room everything goes on', async () => {
  const session = await openedSession();
  for (let round = 0; round < 2; round++) {
    await site.kill('fusion');
    fill();
    await site.startFusion();
    await throughout(pause(observedMs / 2), answers);
  }
  rmSync(join(disk, 'filler'));
  await recovers(session);
});

/** What an agent is told whose batch does not fit. */
async function refusal(): Promise<{status: number; code: string; retryAfterS: number}> {
  const ask = async (path: string, headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer>) => {
    const response = await fetch(`${site.url}/api/v1/pipe/sessions${path}`, {
      method: 'POST',
      headers: {authorization: 'Bearer key-of-the-agents', ...headers},
      body,
    });
    const answer = (await response.json()) as {data?: {session_id: string}; error?: {code: string}};
    return {...answer, status: response.status, retryAfterS: Number(response.headers.get('retry-after'))};
  };
  const asked = {view: 'site', schema: 'fs', agent_id: 'probe', pipe: 'p', instance: '1'};
  const opened = await ask('', {'content-type': 'application/json'}, JSON.stringify(asked));
  let answer = opened;
  if (opened.data) {
    const session = opened.data.session_id;
    const events = Array.from({length: 10_000}, (_, i) => upsert(`/never/stored-${'x'.repeat(100)}-${i}`));
    const batch = encodeBatch({session, number: 1, heard: undefined, events});
    const headers = {'content-type': batchContentType, [batchNumberHeader]: '1', [sentAtHeader]: '0'};
    answer = await ask(`/${session}/events`, headers, new Uint8Array(batch));
  }
  return {status: answer.status, code: answer.error?.code ?? '', retryAfterS: answer.retryAfterS};
}
