import {once} from 'node:events';
import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {parseArgs} from 'node:util';
import {build} from 'esbuild';
import {root, targets} from '../../build/target.ts';
import {NoRig, prepareRig, runInRig} from './rig.ts';

/**
 * `npm run test:nfs [-- KIND…] [--report=FILE]`: the built executables on real NFS mounts, in the rig's virtual machine.
 * The scenarios (`guest/`) run in there beside them, in the Node binary that the executables are made of; here they are
 * made into one file, sent in and counted. Ends with `N passed, N failed`; without a rig it says so and exits 0.
 *
 * `--report` writes the counts under the names that vitest gives them.
 */
type Outcome = {passed: number; failed: number; skipped: number};

const timeoutS = 1_200;
const {values, positionals} = parseArgs({allowPositionals: true, options: {report: {type: 'string'}}});

const outcome = await run();
if (values.report) {
  const {passed, failed, skipped} = outcome;
  writeFileSync(
    values.report,
    JSON.stringify({numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped}),
  );
}
if (outcome.skipped > 0) console.log(`${outcome.skipped} skipped, or known to fail`);
console.log(`${outcome.passed} passed, ${outcome.failed} failed`);
process.exitCode = outcome.failed === 0 ? 0 : 1;

async function run(): Promise<Outcome> {
  try {
    return await runScenarios(await prepareRig());
  } catch (error) {
    if (!(error instanceof NoRig)) throw error;
    console.warn(`SKIPPED: nothing was tried on real NFS, because ${error.message}`);
    return {passed: 0, failed: 0, skipped: 1};
  }
}

async function runScenarios(rig: string): Promise<Outcome> {
  const {dist, node} = targets.x64;
  const executables = ['fustor-agent', 'fustor-fusion'].map(name => join(dist, name));
  const missing = executables.find(path => !existsSync(path));
  if (missing !== undefined) throw new Error(`${missing} is missing. Run "npm run build" first.`);

  const folder = mkdtempSync(join(tmpdir(), 'fustor-nfs-'));
  const scenarios = join(folder, 'scenarios.mjs');
  const script = join(folder, 'script.sh');
  const entryPoints = [join(root, 'test/nfs/guest/main.ts')];
  await build({entryPoints, outfile: scenarios, bundle: true, platform: 'node', target: 'node26', format: 'esm'});
  writeFileSync(script, `./node --test-reporter=spec scenarios.mjs ${positionals.join(' ')}\n`);

  const machine = runInRig(rig, {folder, files: [script, scenarios, node, ...executables], timeoutS});
  const counts = new Map<string, number>();
  for await (const line of createInterface({input: machine.stdout!})) {
    console.log(line);
    const [, name, count] = /^ℹ (\w+) (\d+)$/.exec(line) ?? [];
    if (name !== undefined) counts.set(name, Number(count));
  }
  if (machine.exitCode === null) await once(machine, 'exit');
  const outcome = outcomeOf(counts, machine.exitCode === 0);
  if (outcome.failed === 0) rmSync(folder, {recursive: true});
  else console.log(`The logs of the failed run are in ${folder}/out`);
  return outcome;
}

/** A run that ended before it could count is one that failed. */
function outcomeOf(counts: ReadonlyMap<string, number>, isOk: boolean): Outcome {
  const count = (name: string) => counts.get(name) ?? 0;
  const failed = count('fail') + count('cancelled');
  return {
    passed: count('pass'),
    failed: isOk ? failed : Math.max(1, failed),
    skipped: count('skipped') + count('todo'),
  };
}
