import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {Site} from '../../lib/site.ts';
import {until} from '../../lib/until.ts';
import {median} from '../load.ts';
import type {Stage} from '../stage.ts';

const rounds = 50;
/** 300 levels of 10 bytes fit into PATH_MAX, 1,000 do not. */
const depths = {usual: 300, beyond: 1_000};
type Tree = keyof typeof depths;
const trees: Tree[] = ['usual', 'beyond'];
const levelName = 'level-abc';

/** Paths of many levels: one that a program can still name, and one that it cannot. */
export async function deepPath({rows, folder}: Stage): Promise<void> {
  const root = join(folder, 'deep');
  for (const name of trees) makeAtEnd(root, name, 'found');
  const site = new Site(root);
  try {
    await site.start();
    await site.live();
    const ask = async (path: string) => JSON.parse((await site.get(path)).text);
    const deepest = endOf('usual');
    const figure = async (name: string, path: string, isRight: (answer: Answer) => boolean) => {
      const ms: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const startedAt = performance.now();
        const answer = await ask(path);
        ms.push(performance.now() - startedAt);
        if (!isRight(answer)) throw new Error(`${name} was answered ${JSON.stringify(answer).slice(-500)}`);
      }
      rows.add({name: `300 levels, ${name}`, value: median(ms), unit: 'ms', against: `median of ${rounds}`});
    };
    await figure(
      'fs/tree with all below',
      '/api/v1/fs/tree?recursive=true&path=/usual',
      ({data}) => depthOf(data) === 301,
    );
    await figure('fs/stats at the end', `/api/v1/fs/stats?path=${deepest}`, ({data}) => data.files === 1);
    await figure(
      'search below the end',
      `/api/v1/fs/search?pattern=found&path=${deepest}`,
      ({data}) => data.length === 1,
    );
    const {data, meta} = await ask('/api/v1/fs/stats?path=/beyond');
    rows.add({
      name: '1,000 levels, more than PATH_MAX, levels in the view',
      value: data.directories,
      unit: 'levels',
      against: `${data.files} of 1 file; meta.complete: ${meta.complete}, unreadable: ${data.unreadable}`,
      goal: {atLeast: depths.beyond - 1},
    });
    const startedAt = performance.now();
    makeAtEnd(root, 'beyond', 'later');
    const later = `/api/v1/fs/stat?path=${endOf('beyond')}/later`;
    await until(async () => (await site.get(later)).status === 200, {everyMs: 1, what: 'a file at the end'});
    rows.add({
      name: '1,000 levels, one more file at the end is visible',
      value: performance.now() - startedAt,
      unit: 'ms',
      against: 'with the start of a program that goes there and makes it',
    });
  } finally {
    await site.dispose();
  }
}

type Node = {name: string; children?: Node[]};
type Answer = {data: Node & {files: number; directories: number; unreadable: number; length: number}};

function endOf(name: Tree): string {
  return `/${name}${`/${levelName}`.repeat(depths[name] - 1)}`;
}

function depthOf(node: Node): number {
  let depth = 1;
  for (let at = node; at.children?.[0]; at = at.children[0]) depth++;
  return depth;
}

/**
 * Makes so many levels of directories where they are missing, and a file in the last. Step by step, because no call takes such a path
 * at once; in a process of its own, because it changes where it is.
 */
function makeAtEnd(root: string, name: Tree, file: string): void {
  const program = `
    const {mkdirSync, writeFileSync} = require('node:fs');
    const [root, name, depth, file] = process.argv.slice(1);
    mkdirSync(root, {recursive: true});
    process.chdir(root);
    for (let level = 0; level < Number(depth); level++) {
      const directory = level === 0 ? name : '${levelName}';
      mkdirSync(directory, {recursive: true});
      process.chdir(directory);
    }
    writeFileSync(file, 'x');`;
  const args = ['-e', program, root, name, String(depths[name]), file];
  const {status, stderr} = spawnSync(process.execPath, args, {encoding: 'utf8'});
  if (status !== 0) throw new Error(`making ${depths[name]} levels ended with ${status}: ${stderr}`);
}
