import {readFileSync, writeFileSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {BenchRun, type Ended} from './bench-run.ts';
import {say} from './elapsed.ts';
import {groups} from './groups/all.ts';
import {machineText} from './machine.ts';
import {picture} from './output/picture.ts';
import {publish} from './output/publish.ts';
import {rowsFile} from './output/rows-file.ts';
import {terminalTable} from './output/terminal-table.ts';
import {whyNot} from './preconditions.ts';
import {goalsText, type Row} from './rows.ts';
import {isShort} from './stage.ts';

/**
 * `npm run bench`: the built executables beside what people use instead, in one run on one machine.
 *
 * - `--files N`, `--large N`: smaller trees; `--only GROUP[,GROUP]`: some of the groups
 * - `--json FILE`: the rows; `--svg FILE`: the picture; `--publish`: both beside this file, and the table in the README
 * - `--from FILE.json`: runs nothing, and takes the rows of an earlier run
 */
const {values} = parseArgs({
  options: {
    files: {type: 'string', default: '1000000'},
    large: {type: 'string', default: '10000000'},
    only: {type: 'string'},
    json: {type: 'string'},
    svg: {type: 'string'},
    publish: {type: 'boolean', default: false},
    from: {type: 'string'},
  },
});
try {
  const {rows, exitCode, left} = values.from === undefined ? await run() : earlier(values.from);
  console.log(`\n${terminalTable(rows, process.stdout.columns ?? 160)}\n\n${goalsText(rows)}`);
  if (values.json !== undefined) writeFileSync(values.json, rowsFile(rows));
  if (values.svg !== undefined) writeFileSync(values.svg, picture(rows));
  if (values.publish && exitCode === 0) console.log(`written: ${publish(rows).join(', ')}`);
  if (left.length > 0) console.error(`Left behind, and killed: ${left.join('; ')}`);
  process.exitCode = left.length > 0 ? 1 : exitCode;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}

async function run(): Promise<Ended> {
  const settings = {files: countOf('files'), largeFiles: countOf('large')};
  const only = values.only?.split(',') ?? Object.keys(groups);
  const unknown = only.filter(name => groups[name] === undefined);
  if (unknown.length > 0) {
    throw new Error(`There is no group ${unknown.join(', ')}; there are ${Object.keys(groups).join(', ')}.`);
  }
  if (values.publish && isShort(settings)) throw new Error('--publish: figures of so few files say nothing.');
  const reason = whyNot(only, settings);
  if (reason !== undefined) throw new Error(reason);
  say(machineText());
  const bench = new BenchRun(only, settings);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => bench.stop(signal));
  const ended = await bench.ended();
  return {...ended, rows: [machineRow(settings), ...ended.rows]};
}

/** Figures without what they were measured on mean little: so it is one of them. */
function machineRow({files, largeFiles}: {files: number; largeFiles: number}): Row {
  const size = `group large: ${largeFiles.toLocaleString('en')}; ${new Date().toISOString().slice(0, 10)}`;
  return {name: 'measured on', value: files, unit: 'files', against: `${machineText()}; ${size}`, goal: '', met: null};
}

function earlier(file: string): Ended {
  const {rows}: {rows: Row[]} = JSON.parse(readFileSync(file, 'utf8'));
  return {rows, exitCode: 0, left: []};
}

function countOf(option: 'files' | 'large'): number {
  const count = Number(values[option]);
  if (!(Number.isInteger(count) && count >= 1_000)) {
    throw new Error(`--${option} ${values[option]}: wanted is a number of files, 1000 at least.`);
  }
  return count;
}
