import {spawnSync} from 'node:child_process';
import {mkdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import type {EngineAlone, Spent} from '../engine-alone.ts';
import {median} from '../load.ts';
import type {Stage} from '../stage.ts';

/** An engine alone, without files, agents and HTTP: a process of its own for each round, with an empty store on a disk. */
export async function engineGroup(stage: Stage): Promise<void> {
  const {rows, folder, settings} = stage;
  const rounds = stage.rounds(3);
  const results = Array.from({length: rounds}, () => engineAlone(join(folder, 'engine'), settings.files));
  const {entries, events} = results[0]!;
  const rates = (count: number, spentOn: (result: EngineAlone) => Spent) => {
    const seconds = median(results.map(result => spentOn(result).seconds));
    const cpu = median(results.map(result => spentOn(result).cpuSeconds));
    return {value: count / seconds, cpu: `${((cpu * 1e6) / count).toFixed(1)} µs of processor time each`};
  };
  const listings = rates(entries, ({listings}) => listings);
  rows.add({
    name: 'engine alone, listings, durable',
    value: listings.value,
    unit: 'entries/s',
    against: `median of ${rounds}; ${entries} entries, ${listings.cpu}`,
    goal: {atLeast: 1_000_000},
  });
  const realtime = rates(events, ({realtime}) => realtime);
  rows.add({
    name: 'engine alone, realtime, spread over all directories, durable',
    value: realtime.value,
    unit: 'events/s',
    against: `median of ${rounds}; ${events} events in a tree of ${entries}, ${realtime.cpu}`,
    goal: {atLeast: 50_000},
  });
}

function engineAlone(folder: string, files: number): EngineAlone {
  mkdirSync(folder, {recursive: true});
  const args = [...process.execArgv, join(import.meta.dirname, '../engine-alone.ts'), folder, String(files)];
  const {status, stdout} = spawnSync(process.execPath, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']});
  rmSync(folder, {recursive: true});
  if (status !== 0) throw new Error('the engine alone failed');
  return JSON.parse(stdout) as EngineAlone;
}
