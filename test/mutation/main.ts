import {spawnSync} from 'node:child_process';
import {cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {type Mutant, mutantsOf} from './mutants.ts';

/**
 * `npm run mutate`: breaks each comparison and condition of the arbitration once, in a copy, and tells for which of them no
 * test goes red. `--every 5` takes every fifth. Fails below nine of ten.
 */
const {values} = parseArgs({
  options: {every: {type: 'string', default: '1'}, scenarios: {type: 'string', default: '40'}},
});
const files = ['arbitrate', 'realtime', 'listing', 'sentinel', 'suspects', 'tombstones', 'doubts', 'context'];
const root = join(import.meta.dirname, '../..');
const copy = mkdtempSync(join(tmpdir(), 'fustor-mutation-'));
const node = [process.execPath, '--disable-warning=ExperimentalWarning'] as const;
const checks = [
  [
    ...node,
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'test/vitest.config.ts',
    '--project',
    'unit',
    'core/tree',
    'core/session',
  ],
  [...node, 'test/sim/main.ts', '--fixed', values.scenarios, '--seconds', '0', '--stop'],
];
/** Some mutants never end. */
const timeoutMs = 120_000;

try {
  for (const name of ['core', 'cmd', 'drivers', 'store', 'test', 'build', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, name), join(copy, name), {recursive: true});
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  if (isRed()) throw new Error('The checks are red without any mutation.');
  process.exitCode = run() ? 0 : 1;
} finally {
  rmSync(copy, {recursive: true, force: true});
}

function run(): boolean {
  const all = files.flatMap(file =>
    mutantsOf(`core/tree/${file}.ts`, readFileSync(join(root, `core/tree/${file}.ts`), 'utf8')),
  );
  const mutants = all.filter((_, index) => index % Number(values.every) === 0);
  const survivors: Mutant[] = [];
  for (const mutant of mutants) {
    const original = readFileSync(join(root, mutant.file), 'utf8');
    writeFileSync(join(copy, mutant.file), mutant.text);
    if (!isRed()) {
      survivors.push(mutant);
      console.log(`survived: ${mutant.file}:${mutant.line}: ${mutant.change}\n    ${mutant.source}`);
    }
    writeFileSync(join(copy, mutant.file), original);
  }
  const killed = mutants.length - survivors.length;
  console.log(
    `${killed} of ${mutants.length} mutants were noticed (${((100 * killed) / mutants.length).toFixed(0)} %)`,
  );
  return killed >= 0.9 * mutants.length;
}

function isRed(): boolean {
  return checks.some(([program, ...args]) => {
    const {status} = spawnSync(program!, args, {cwd: copy, stdio: 'ignore', timeout: timeoutMs});
    return status !== 0;
  });
}
