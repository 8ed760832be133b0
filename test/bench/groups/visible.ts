import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {setTimeout as delay} from 'node:timers/promises';
import {readRecords} from '../../../cmd/shell/part-record.ts';
import {makeTree} from '../../lib/make-tree.ts';
import type {Site} from '../../lib/site.ts';
import {until} from '../../lib/until.ts';
import {median, percentile} from '../load.ts';
import {cpuMsOf} from '../process-usage.ts';
import type {Stage} from '../stage.ts';
import type {Waits} from '../visible/ask-for-files.ts';
import {Asker, isFinished, isGone, isThere} from '../visible/asker.ts';
import type {Told} from '../visible/many-watchers.ts';
import {syncReadRows} from './sync-read.ts';

const programs = join(import.meta.dirname, '../visible');

/** How soon a script sees what somebody did. */
export async function visibleGroup(stage: Stage): Promise<void> {
  await filesFigures(stage);
  await renameFigures(stage);
  await watchersFigures(stage);
  await syncReadRows(stage);
}

/** 1,000 files a second are written and closed, and one in fifty is waited for: by asking, and by being told. */
async function filesFigures(stage: Stage): Promise<void> {
  const site = await stage.site();
  const folder = join(stage.tree().root, 'written');
  mkdirSync(folder);
  for (let i = 0; i < 100; i++) mkdirSync(join(folder, String(i)));
  const asker = new Asker(site.url);
  await asker.until('/written/99', isThere);
  asker.close();
  const seconds = stage.isShort ? 3 : 20;
  const {visible, told, rate} = await askForFiles(site, folder, seconds);
  const against = `${visible.length} of ${rate * seconds} files that another process closed, ${rate} a second; "visible" is not suspect any more`;
  const figure = (name: string, values: number[], part: number, atMost?: number) =>
    stage.rows.add({
      ...{name: `${name}, p${part * 100}`, value: percentile(values, part), unit: 'ms', against},
      ...(atMost !== undefined && {goal: {atMost}}),
    });
  figure('file closed → visible over HTTP at 1,000 changes/s', visible, 0.5, 20);
  figure('file closed → visible over HTTP at 1,000 changes/s', visible, 0.99, 100);
  figure('file closed → told by fs/watch at 1,000 changes/s', told, 0.5);
  figure('file closed → told by fs/watch at 1,000 changes/s', told, 0.99);
}

async function askForFiles(site: Site, folder: string, seconds: number): Promise<Waits> {
  const child = program('ask-for-files.ts', [site.url, folder, '/written', String(seconds * 1000), '1000', '50']);
  const [line] = await once(createInterface({input: child.stdout!}), 'line');
  return JSON.parse(line);
}

/** A directory is renamed back and forth. It is visible when the new name is there and the old is not. */
async function renameFigures(stage: Stage): Promise<void> {
  const site = await stage.site();
  const {root} = stage.tree();
  const names = ['/renamed-forth', '/renamed-back'] as const;
  const below = makeTree(join(root, names[1]), Math.min(100_000, stage.settings.files));
  const asker = new Asker(site.url);
  await allKnown(site, names[1], below);
  const ms: number[] = [];
  const rounds = stage.rounds(7);
  for (let round = 0; round < rounds; round++) {
    const [to, from] = round % 2 === 0 ? names : ([names[1], names[0]] as const);
    renameSync(join(root, from), join(root, to));
    const renamedAt = performance.now();
    await Promise.all([asker.until(to, isThere), asker.until(from, isGone)]);
    ms.push(performance.now() - renamedAt);
    // What is below is still watched, and nothing of the rename is under way when the next begins.
    writeFileSync(join(root, to, `made-after-${round}`), 'x');
    await asker.until(`${to}/made-after-${round}`, isFinished);
  }
  asker.close();
  stage.rows.add({
    name: `rename of a directory with ${below.toLocaleString('en')} entries below → visible`,
    ...{value: median(ms), unit: 'ms', goal: {atMost: 50}},
    against: `median of ${rounds}, the longest ${Math.max(...ms).toFixed(0)} ms; the new name is there and the old is gone`,
  });
}

async function allKnown(site: Site, path: string, entries: number): Promise<void> {
  const known = async () => {
    const {status, text} = await site.get(`/api/v1/fs/stats?path=${path}`);
    if (status !== 200) return false;
    const {files, directories} = JSON.parse(text).data;
    return Number(files) + Number(directories) >= entries;
  };
  await until(known, {timeoutMs: 120_000, everyMs: 100, what: `all below ${path}`});
}

/** A thousand connections, of a process of their own, to the gateways of one fusion. */
async function watchersFigures(stage: Stage): Promise<void> {
  const site = await stage.site();
  const folder = join(stage.tree().root, 'watched');
  mkdirSync(folder);
  const [watchers, rounds] = [1000, stage.isShort ? 5 : 20];
  const child = program('many-watchers.ts', [site.url, folder, '/watched', String(watchers), String(rounds)]);
  const lines = createInterface({input: child.stdout!})[Symbol.asyncIterator]();
  await lines.next();
  const before = gatewayCpuMs(site);
  const idleFrom = performance.now();
  await delay(stage.isShort ? 500 : 2_000);
  const idle = (gatewayCpuMs(site) - before) / (performance.now() - idleFrom);
  const busyFrom = gatewayCpuMs(site);
  child.stdin!.write('go\n');
  const {first, last}: Told = JSON.parse((await lines.next()).value!);
  const cpu = (gatewayCpuMs(site) - busyFrom) / rounds;
  const name = '1,000 watchers of one view';
  const against = `median of ${rounds} files`;
  stage.rows.add({name: `${name}: file closed → the first is told`, value: median(first), unit: 'ms', against});
  stage.rows.add({
    name: `${name}: file closed → all are told`,
    ...{
      value: median(last),
      unit: 'ms',
      against: `${against}, the longest ${Math.max(...last).toFixed(0)} ms; one process reads all connections`,
    },
  });
  stage.rows.add({name: `${name}: CPU of the gateways for a change`, value: cpu, unit: 'ms', against});
  stage.rows.add({name: `${name}: CPU of the gateways without changes`, value: idle * 100, unit: '% of a core'});
}

function gatewayCpuMs(site: Site): number {
  const gateways = readRecords(join(site.folder, 'fusion/run')).filter(({name}) => name.startsWith('gateway-'));
  return gateways.reduce((sum, {pid}) => sum + cpuMsOf(pid), 0);
}

function program(file: string, args: string[]) {
  const argv = ['--disable-warning=ExperimentalWarning', join(programs, file), ...args];
  return spawn(process.execPath, argv, {stdio: ['pipe', 'pipe', 'inherit']});
}
