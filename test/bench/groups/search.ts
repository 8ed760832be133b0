import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Prng} from '../../lib/prng.ts';
import type {Site} from '../../lib/site.ts';
import {until} from '../../lib/until.ts';
import {KeptConnection} from '../kept-connection.ts';
import {median} from '../load.ts';
import {msOfRun, outputOf} from '../program-run.ts';
import type {Stage} from '../stage.ts';

const authorization = {authorization: 'Bearer key-of-the-scripts'};
const hits = 37;
const rarePart = 'needle';
const rounds = 7;

/** Where something is and how much there is of it, beside the programs that people ask. */
export async function searchGroup(stage: Stage): Promise<void> {
  const site = await stage.site();
  const {root} = stage.tree();
  const directories = outputOf('find', [root, '-type', 'd']).trimEnd().split('\n');
  const random = new Prng(hits);
  const wanted = Array.from({length: hits}, (_, i) => join(random.pick(directories)!, `file-${i}-${rarePart}.dat`));
  for (const path of wanted) writeFileSync(path, 'x');
  const connection = new KeptConnection(authorization);
  try {
    await searches(stage, {site, connection, wanted: wanted.sort()});
    await sums(stage, {site, connection, directories});
  } finally {
    connection.close();
  }
}

type Searched = {site: Site; connection: KeptConnection; wanted: readonly string[]};

/** All find the same, or there is no figure. */
async function searches(stage: Stage, {site, connection, wanted}: Searched): Promise<void> {
  const {root} = stage.tree();
  const url = `${site.url}/api/v1/fs/search?pattern=${rarePart}`;
  const ours = async () => {
    const {data} = JSON.parse((await connection.ask(url)).body) as {data: {path: string}[]};
    return data.map(({path}) => `${root}${path}`).sort();
  };
  await until(async () => (await ours()).length === hits, {what: `${hits} hits`});
  isSame('fs/search', await ours(), wanted);

  const [plocate, updatedb, bfs] = [
    await stage.rival('plocate'),
    await stage.rival('updatedb'),
    await stage.rival('bfs'),
  ];
  const database = join(stage.folder, 'plocate.db');
  if (updatedb) {
    const everything = ['--prunepaths', '', '--prunefs', '', '--prunenames', '', '--prune-bind-mounts', 'no'];
    outputOf(updatedb, ['-U', root, '-o', database, '--require-visibility', 'no', ...everything]);
  }
  const others = [
    {name: 'plocate', program: updatedb && plocate, args: ['-d', database, rarePart], times: 20, goal: {atMost: 3}},
    {name: 'bfs -name', program: bfs, args: [root, '-name', `*${rarePart}*`], times: 1, goal: undefined},
    {name: 'find -name', program: 'find', args: [root, '-name', `*${rarePart}*`], times: 1, goal: undefined},
  ];
  for (const {name, program, args, times, goal} of others) {
    if (program) isSame(name, outputOf(program, args).trimEnd().split('\n').sort(), wanted);
    const [own, their]: [number[], number[]] = [[], []];
    for (let round = 0; round < (times > 1 ? rounds : 3); round++) {
      for (let i = 0; i < 20; i++) own.push((await connection.ask(url)).ms);
      if (program) their.push(msOfRun(program, args, times));
    }
    const value = median(own);
    const figures = `fustor: ${value.toFixed(2)} ms on a kept connection`;
    stage.rows.add(
      program
        ? {
            name: `substring search, ${hits} hits`,
            value: value / median(their),
            unit: `× ${name}`,
            against: `${name}: ${median(their).toFixed(2)} ms with the start of its process, ${figures}`,
            ...(goal && {goal}),
          }
        : {name: `substring search, ${hits} hits`, value, unit: 'ms', against: `without ${name}, ${figures}`},
    );
  }
}

type Summed = {site: Site; connection: KeptConnection; directories: readonly string[]};

async function sums(stage: Stage, {site, connection, directories}: Summed): Promise<void> {
  const {root} = stage.tree();
  const leaf = directories.toSorted((a, b) => b.split('/').length - a.split('/').length)[0]!;
  const urlOf = (directory: string) =>
    `${site.url}/api/v1/fs/stats?path=${encodeURIComponent(directory.slice(root.length) || '/')}`;
  const times = {root: [] as number[], leaf: [] as number[]};
  for (let i = 0; i < 300; i++) {
    times.leaf.push((await connection.ask(urlOf(leaf))).ms);
    times.root.push((await connection.ask(urlOf(root))).ms);
  }
  const [ofRoot, ofLeaf] = [median(times.root), median(times.leaf)];
  stage.rows.add({
    name: 'fs/stats of the root',
    value: ofRoot / ofLeaf,
    unit: '× of a leaf',
    against: `root: ${ofRoot.toFixed(2)} ms, leaf: ${ofLeaf.toFixed(2)} ms`,
    goal: {atMost: 1.5},
  });

  const {data} = JSON.parse((await connection.ask(urlOf(root))).body) as {data: {bytes: number; files: number}};
  const sizes = outputOf('find', [root, '-type', 'f', '-printf', '%s\n']).trimEnd().split('\n').map(Number);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (data.files !== sizes.length || data.bytes !== bytes)
    throw new Error(`fs/stats has ${data.files} files of ${data.bytes} bytes, find ${sizes.length} of ${bytes}`);
  const gdu = await stage.rival('gdu');
  const others = [
    {name: 'du -s', program: 'du', args: ['-s', root], goal: {atLeast: 1_000}},
    {name: 'gdu', program: gdu, args: ['--non-interactive', '--no-progress', '--summarize', root], goal: undefined},
  ];
  for (const {name, program, args, goal} of others) {
    if (!program) continue;
    const their = median(Array.from({length: 3}, () => msOfRun(program, args, 1)));
    stage.rows.add({
      name: 'fs/stats of the root',
      value: their / ofRoot,
      unit: `times as fast as ${name}`,
      against: `${name}: ${their.toFixed(0)} ms, fustor: ${ofRoot.toFixed(2)} ms on a kept connection`,
      ...(goal && {goal}),
    });
  }
}

function isSame(name: string, found: readonly string[], wanted: readonly string[]): void {
  if (found.join('\n') === wanted.join('\n')) return;
  throw new Error(`${name} finds other paths than were made: ${found.length} of ${wanted.length}`);
}
