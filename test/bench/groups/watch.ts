import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {makeTree} from '../../lib/make-tree.ts';
import {until} from '../../lib/until.ts';
import {say} from '../elapsed.ts';
import {anonymousBytesOf} from '../process-usage.ts';
import type {Stage} from '../stage.ts';
import {type Watcher, watchByScript, watchByWatchman} from '../watch/watchers.ts';

/** What came of one way of watching a tree. */
type Outcome = {name: string; files: number; seconds: number; bytes: number; changes: number; told: number};

const chokidarPackage = join(import.meta.dirname, '../../../node_modules/chokidar/package.json');

/** Those of them that keep an object a file: they would need most of the time and of the memory of the whole benchmark. */
const filesMaxOfScripts = 100_000;

/** Watching a tree, beside what others watch with: how long until it is watched, in what memory, and how many changes are told. */
export async function watchGroup(stage: Stage): Promise<void> {
  const {root} = stage.tree();
  const {files} = stage.settings;
  await stage.endSite();
  const others: Outcome[] = [];
  const tryOne = async (name: string, tree: {root: string; files: number}, start: () => Promise<Watcher>) => {
    try {
      const outcome = await outcomeOf(name, tree, await start());
      say(`  ${[name, secondsText(outcome), memoryText(outcome), toldText(outcome)].join(', ')}`);
      others.push(outcome);
    } catch (error) {
      say(`  ${name}: ${(error as Error).message}`);
    }
  };
  const watchman = await stage.rival('watchman');
  const parcel = await stage.rival('parcelWatcher');
  const whole = {root, files};
  const quietMs = stage.isShort ? 500 : 2_000;
  if (watchman) {
    const name = `watchman ${stage.rivalVersion('watchman')}`;
    await tryOne(name, whole, () => watchByWatchman(watchman, root, quietMs));
  }
  if (parcel) {
    const name = `@parcel/watcher ${stage.rivalVersion('parcelWatcher')}`;
    await tryOne(name, whole, () => watchByScript(parcel, root, quietMs));
  }
  const small = smallTree(stage);
  const {version} = JSON.parse(readFileSync(chokidarPackage, 'utf8'));
  await tryOne(`chokidar ${version}`, small, () => watchByScript('chokidar', small.root, quietMs));
  await tryOne('fs.watch', small, () => watchByScript('fs.watch', small.root, quietMs));
  const ours = await outcomeOfFustor(stage, whole);

  const against = (text: (outcome: Outcome) => string) => {
    const texts = others.map(
      other => `${other.name}: ${text(other)}${other.files === files ? '' : ` of ${filesText(other.files)}`}`,
    );
    return texts.length > 0 ? texts.join('; ') : 'nothing else could be had';
  };
  stage.rows.add({
    name: `${filesText(files)} watched and in the view, from the start of the agent`,
    ...{value: ours.seconds, unit: 's', against: `only watched: ${against(secondsText)}`},
  });
  stage.rows.add({
    name: `memory of the agent's payload, ${filesText(files)} watched`,
    ...{value: ours.bytes / 2 ** 20, unit: 'MiB', against: against(memoryText)},
  });
  stage.rows.add({
    name: `told of ${filesText(ours.changes)} written to at once`,
    ...{value: (100 * ours.told) / ours.changes, unit: '%', goal: {atLeast: 100}},
    against: `what the view then differs in, size or time, is not told; ${against(toldText)}`,
  });
}

async function outcomeOf(name: string, tree: {root: string; files: number}, watcher: Watcher): Promise<Outcome> {
  try {
    const changes = changesOf(tree.files);
    appendTo(tree.root, changes);
    const told = Math.min(changes, await watcher.told());
    return {name, files: tree.files, seconds: watcher.seconds, bytes: watcher.bytes, changes, told};
  } finally {
    await watcher.end();
  }
}

/** A view is told of all when it is what `find` says. The site stays, for the groups behind. */
async function outcomeOfFustor(stage: Stage, {root, files}: {root: string; files: number}): Promise<Outcome> {
  const site = stage.newSite(root);
  stage.keep(site);
  await site.prepare();
  await site.startFusion();
  const startedAt = performance.now();
  site.run('agent');
  const watchesAll = async () => {
    const {meta, data} = await site.status();
    const [agent] = data.agents;
    return meta.sync === 'live' && agent?.watched && agent.watched === agent.known;
  };
  await until(watchesAll, {timeoutMs: 300_000, everyMs: 20, what: 'a view that is live and watched'});
  const seconds = (performance.now() - startedAt) / 1000;
  const bytes = anonymousBytesOf(site.partPid('agent', 'payload-site'));
  const changes = changesOf(files);
  appendTo(root, changes);
  const wanted = bytesOnDisk(root);
  const bytesInView = async () => JSON.parse((await site.get('/api/v1/fs/stats?path=/')).text).data.bytes;
  await until(async () => Number(await bytesInView()) === wanted, {timeoutMs: 60_000, everyMs: 100, what: 'all sizes'});
  const {count} = await site.compare();
  return {name: 'Fustor', files, seconds, bytes, changes, told: changes - count};
}

/** With a tree of the default size, 300,000. */
function changesOf(files: number): number {
  return Math.min(300_000, Math.floor(files * 0.9));
}

/** Each time to another size, so that each time it is a change. */
function appendTo(root: string, count: number): void {
  const program = join(import.meta.dirname, '../watch/append-to-files.ts');
  const args = ['--disable-warning=ExperimentalWarning', program, root, String(count)];
  const ms = Number(execFileSync(process.execPath, args, {encoding: 'utf8'}));
  say(`  ${filesText(count)} appended to in ${(ms / 1000).toFixed(1)} s`);
}

function bytesOnDisk(root: string): number {
  const sizes = execFileSync('find', [root, '-type', 'f', '-printf', '%s\\n'], {encoding: 'utf8', maxBuffer: 2 ** 28});
  return sizes.split('\n').reduce((sum, size) => sum + Number(size), 0);
}

function smallTree(stage: Stage): {root: string; files: number} {
  const {files} = stage.settings;
  if (files <= filesMaxOfScripts) return {root: stage.tree().root, files};
  const root = join(stage.folder, 'small-tree');
  makeTree(root, filesMaxOfScripts);
  return {root, files: filesMaxOfScripts};
}

function secondsText({seconds}: Outcome): string {
  return `${seconds.toFixed(1)} s`;
}

function memoryText({bytes}: Outcome): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function toldText({told, changes}: Outcome): string {
  return `${((100 * told) / changes).toFixed(told === changes ? 0 : 1)} %`;
}

function filesText(files: number): string {
  return `${files.toLocaleString('en')} files`;
}
