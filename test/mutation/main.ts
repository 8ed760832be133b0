import {spawnSync} from 'node:child_process';
import {cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {parseArgs} from 'node:util';
import {type Mutant, mutantsOf} from './mutants.ts';

/**
 * `npm run mutate`: breaks each comparison and condition of an area's code once, in a copy, and tells for which of them no test
 * of the area goes red. `--areas configuration` takes that area alone, `--every 5` every fifth, `--files listing` those of one
 * file. Fails below nine of ten in any area.
 */
const {values} = parseArgs({
  options: {
    areas: {type: 'string', default: 'arbitration,configuration,application'},
    files: {type: 'string'},
    every: {type: 'string', default: '1'},
    scenarios: {type: 'string', default: '40'},
  },
});
const root = join(import.meta.dirname, '../..');
const copy = mkdtempSync(join(tmpdir(), 'fustor-mutation-'));
const node = [process.execPath, '--disable-warning=ExperimentalWarning'] as const;
const unit = [
  ...node,
  'node_modules/vitest/vitest.mjs',
  'run',
  '--config',
  'test/vitest.config.ts',
  '--project',
  'unit',
];

type Area = {files: string[]; checks: string[][]};
const areas: Record<string, Area> = {
  /** Who is right. */
  arbitration: {
    files: ['arbitrate', 'realtime', 'listing', 'sentinel', 'suspects', 'tombstones', 'doubts', 'context'].map(
      name => `core/tree/${name}.ts`,
    ),
    checks: [
      [...unit, 'core/tree', 'core/session'],
      [...node, 'test/sim/main.ts', '--fixed', values.scenarios, '--seconds', '0', '--stop'],
    ],
  },
  /** What every node is told to do: hashes, signatures, revisions and rollbacks. */
  configuration: {
    files: [
      ...['core/manifest/canonical.ts', 'core/manifest/signature.ts', 'core/manifest/manifest.ts'],
      ...['core/control/revisions.ts', 'core/control/config-authority.ts', 'core/control/manifests.ts'],
    ],
    checks: [[...unit, 'core/manifest', 'core/control/revisions', 'core/control/config-authority']],
  },
  /** What a node makes of what it is told: what is applied, undone, and kept. */
  application: {
    files: ['core/node/apply-planner.ts', 'core/node/kept-records.ts'],
    checks: [[...unit, 'core/node']],
  },
};
/** Some mutants never end. */
const timeoutMs = 120_000;

try {
  for (const name of ['core', 'cmd', 'drivers', 'store', 'test', 'build', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, name), join(copy, name), {recursive: true});
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const wanted = values.areas.split(',').map(name => [name, areas[name]!] as const);
  process.exitCode = wanted.map(([name, area]) => run(name, area)).every(Boolean) ? 0 : 1;
} finally {
  rmSync(copy, {recursive: true, force: true});
}

function run(name: string, {files, checks}: Area): boolean {
  if (isRed(checks)) throw new Error(`The checks of ${name} are red without any mutation.`);
  const named = values.files?.split(',');
  const all = files
    .filter(file => !named || named.includes(basename(file, '.ts')))
    .flatMap(file => mutantsOf(file, readFileSync(join(root, file), 'utf8')));
  const mutants = all.filter((_, index) => index % Number(values.every) === 0);
  const survivors: Mutant[] = [];
  for (const mutant of mutants) {
    const original = readFileSync(join(root, mutant.file), 'utf8');
    writeFileSync(join(copy, mutant.file), mutant.text);
    if (!isRed(checks)) {
      survivors.push(mutant);
      console.log(`survived: ${mutant.file}:${mutant.line}: ${mutant.change}\n    ${mutant.source}`);
    }
    writeFileSync(join(copy, mutant.file), original);
  }
  const killed = mutants.length - survivors.length;
  const percent = ((100 * killed) / Math.max(1, mutants.length)).toFixed(0);
  console.log(`${name}: ${killed} of ${mutants.length} mutants were noticed (${percent} %)`);
  return killed >= 0.9 * mutants.length;
}

function isRed(checks: readonly string[][]): boolean {
  return checks.some(([program, ...args]) => {
    const {status} = spawnSync(program!, args, {cwd: copy, stdio: 'ignore', timeout: timeoutMs});
    return status !== 0;
  });
}
