import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {writeCounts} from './counts.ts';
import {faults} from './faults/all.ts';
import {countsOf, printReport, type RunReport, wrongOf} from './report.ts';
import {each, type Planned, weighted} from './schedule.ts';
import type {SocketHolder} from './site/chaos-site.ts';
import {whyNoSmallDisk} from './site/small-disk.ts';
import {Stage, type StageReport, type StageSettings} from './stage.ts';

/**
 * `npm run chaos [-- --minutes 60 --seed N]`: the built executables under faults from a seed, asked without pause. Exit 1 when
 * a client noticed more than it must.
 *
 * - `--each N`: every fault so many times instead of at random for some minutes
 * - `--faults kill-engine,full-disk`: only these; `calm` for a run in which nothing happens
 * - `--holder shell|supervisor`: who holds the listening socket; without it both, one after the other
 * - `--files N`, `--snapshot-files N` (0: without that stage), `--requests N`, `--changes N` (a second)
 * - `--settle-every N`: the view is compared with the storage after so many faults
 * - `--keep`: leaves the folders; `--replay FILE`: the faults of a report; `--report FILE`: where it is written
 * - `--counts FILE`: how many checks passed, as vitest would write it
 */
const {values} = parseArgs({
  options: {
    minutes: {type: 'string', default: '10'},
    seed: {type: 'string', default: String(Date.now() % 1_000_000)},
    each: {type: 'string'},
    faults: {type: 'string'},
    holder: {type: 'string'},
    files: {type: 'string', default: '20000'},
    'snapshot-files': {type: 'string', default: '200000'},
    requests: {type: 'string', default: '200'},
    changes: {type: 'string', default: '1000'},
    'settle-every': {type: 'string', default: '20'},
    keep: {type: 'boolean', default: false},
    replay: {type: 'string'},
    report: {type: 'string'},
    counts: {type: 'string'},
  },
});
const seed = Number(values.seed);
/** Ctrl-C ends the run after the fault that is under way, with its report. */
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort());
const report: RunReport = {seed, options: values, stages: []};
const holders: SocketHolder[] = values.holder === undefined ? ['shell', 'supervisor'] : [holderOf(values.holder)];

if (!existsSync(join(import.meta.dirname, '../../dist/fustor-fusion'))) {
  throw new Error('There are no executables. Run "npm run build" first.');
}
const missing = whyNoSmallDisk();
if (missing !== undefined) {
  console.warn(`SKIPPED: ${missing}`);
  writeCounts(values.counts, {passed: 0, failed: 0, skipped: 1});
} else {
  await run();
}

async function run(): Promise<void> {
  console.log(`seed ${seed}`);
  for (const stage of stages()) {
    if (!interrupted.signal.aborted) report.stages.push(await Stage.run(stage));
  }
  printReport(report);
  const file = values.report ?? `/tmp/fustor-chaos-${seed}.json`;
  writeFileSync(file, `${JSON.stringify(report, undefined, 1)}\n`);
  const counts = countsOf(report.stages);
  writeCounts(values.counts, {...counts, skipped: 0, wrong: wrongOf(report.stages)});
  console.log(`seed ${seed}; what happened and when is in ${file}`);
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = wrongOf(report.stages).length === 0 ? 0 : 1;
}

function* stages(): Generator<StageSettings> {
  const common = {
    requests: Number(values.requests),
    changes: Number(values.changes),
    settleEvery: Number(values['settle-every']),
    keep: values.keep,
    signal: interrupted.signal,
    say: (line: string) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`),
  };
  const files = Number(values['snapshot-files']);
  if (files > 0) yield {...common, name: 'snapshot', files, holder: holders[0]!, seed, plan: [], durationMs: 0};
  for (const [index, holder] of holders.entries()) {
    const own = seed + index;
    const plan = planOf(holder, own);
    const durationMs =
      values.each === undefined ? (Number(values.minutes) * 60_000) / holders.length : Number.POSITIVE_INFINITY;
    yield {...common, name: holder, files: Number(values.files), holder, seed: own, plan, durationMs};
  }
}

function planOf(name: string, own: number): Iterable<Planned> {
  if (values.replay !== undefined) {
    const replayed = JSON.parse(readFileSync(values.replay, 'utf8')) as RunReport;
    const phases = replayed.stages.flatMap((stage: StageReport) => stage.phases).filter(({stage}) => stage === name);
    return phases.flatMap(({planned}) => planned ?? []);
  }
  const names = values.faults?.split(',') ?? faults.filter(({weight}) => weight > 0).map(fault => fault.name);
  const unknown = names.filter(wanted => !faults.some(fault => fault.name === wanted));
  if (unknown.length > 0) {
    throw new Error(
      `There is no fault ${unknown.join(', ')}; there are ${faults.map(fault => fault.name).join(', ')}.`,
    );
  }
  const chosen = faults.filter(fault => names.includes(fault.name));
  return values.each === undefined ? weighted(chosen, own) : each(chosen, Number(values.each), own);
}

function holderOf(text: string): SocketHolder {
  if (text === 'shell' || text === 'supervisor') return text;
  throw new Error(`"${text}" holds no socket: "shell" or "supervisor" does.`);
}
