import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Readable, Writable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';

/**
 * `npm test`: all checks in the order in which a failure is cheapest to find, each as `npm run` would do it. Goes on
 * after a failure, so that one run tells everything. Ends with what failed, by name, and the line
 * `N passed, N failed`: the tests of vitest and of the NFS scenarios, and one for each other step.
 */
type Outcome = {passed: number; failed: number; skipped: number; failures?: string[]};

const reports = mkdtempSync(join(tmpdir(), 'fustor-test-'));
const steps: {name: string; check: () => Promise<Outcome>}[] = [
  {name: 'types', check: () => script('types')},
  {name: 'lint', check: () => script('lint')},
  {name: 'unit', check: () => vitest('unit')},
  {name: 'build', check: () => script('build')},
  {name: 'sim', check: () => script('sim')},
  {name: 'cases', check: () => vitest('cases')},
  {name: 'chaos', check: () => counted('chaos', chaosInShort)},
  {name: 'chaos:shell', check: () => counted('chaos:shell', ['--kills=20'])},
  {name: 'bench', check: () => script('bench', benchInSmall)},
  {name: 'nfs', check: () => nfs()},
];

/** Two minutes of what takes an hour at full length: what is over soon, once each, in an order that is the same each time. */
const soonOver = [
  ...['agent-shell', 'payload', 'fusion-shell', 'engine', 'gateway', 'controller', 'all-fusion'].map(
    kind => `kill-${kind}`,
  ),
  ...['restart-fusion', 'reload-fusion', 'swap-fusion', 'restart-agent', 'swap-agent', 'refused-reload', 'full-disk'],
];
const chaosInShort = [
  ...['--each=1', '--seed=4', `--faults=${soonOver.join(',')}`],
  ...['--files=3000', '--snapshot-files=30000', '--requests=100', '--changes=500'],
];
/** Every group gives its figures and leaves nothing behind. What they are is for another machine to judge, which does nothing else. */
const benchInSmall = ['--files=3000', '--large=3000'];
/** They would run against the executables of an earlier build, and mean nothing. */
const onExecutables = ['cases', 'chaos', 'chaos:shell', 'bench', 'nfs'];
const lastCharacters = 4_000;
/** What a script left running may hold its output open. */
const outputMs = 5_000;
const failed: string[] = [];
const rows: (Outcome & {step: string; seconds: number})[] = [];
for (const {name, check} of steps) {
  console.log(`\n── ${name}`);
  const startedAt = performance.now();
  const isPointless = onExecutables.includes(name) && rows.some(({step, failed}) => step === 'build' && failed > 0);
  const {failures = [], ...outcome} = isPointless ? {passed: 0, failed: 1, skipped: 0} : await check();
  if (outcome.failed > 0) failed.push(name, ...failures.map(failure => failure.replace(/^/gm, '  ')));
  rows.push({step: name, ...outcome, seconds: Math.round((performance.now() - startedAt) / 100) / 10});
}
rmSync(reports, {recursive: true});

console.table(rows);
if (failed.length > 0) console.log(`\nfailed:\n${failed.join('\n')}\n`);
const total = (key: 'passed' | 'failed') => rows.reduce((sum, row) => sum + row[key], 0);
process.exitCode = total('failed') === 0 ? 0 : 1;
console.log(`${total('passed')} passed, ${total('failed')} failed`);

/** One check, which is said to have failed with the last that it wrote. */
async function script(name: string, args: string[] = []): Promise<Outcome> {
  const {isOk, last} = await run(name, args);
  return isOk ? {passed: 1, failed: 0, skipped: 0} : {passed: 0, failed: 1, skipped: 0, failures: [last]};
}

async function vitest(project: 'unit' | 'cases'): Promise<Outcome> {
  const report = join(reports, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  return outcomeOf(report, await run(project, reporters));
}

/** On real NFS with default options, where there is a rig for it; all kinds of mounts take minutes more. */
async function nfs(): Promise<Outcome> {
  const report = join(reports, 'nfs.json');
  return outcomeOf(report, await run('test:nfs', ['v42', `--report=${report}`]));
}

/** A script that writes how many of its checks passed. */
async function counted(name: string, args: string[]): Promise<Outcome> {
  const report = join(reports, `${name}.json`);
  return outcomeOf(report, await run(name, [...args, `--counts=${report}`]));
}

function outcomeOf(report: string, {isOk, last}: Run): Outcome {
  const {failed, failures = [], ...rest} = readReport(report);
  if (isOk) return {...rest, failed, failures};
  // A file that cannot be imported, an error outside of any test: vitest fails without a failed test.
  return {...rest, failed: Math.max(failed, 1), failures: failures.length > 0 ? failures : [last]};
}

function readReport(path: string): Outcome {
  try {
    const {numPassedTests, numFailedTests, numPendingTests, testResults = []} = JSON.parse(readFileSync(path, 'utf8'));
    return {
      ...{passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests},
      failures: testResults.flatMap(failuresOf),
    };
  } catch {
    return {passed: 0, failed: 1, skipped: 0}; // it died before it could report
  }
}

type FileReport = {
  name: string;
  status: string;
  message?: string;
  assertionResults: {status: string; fullName: string; failureMessages?: string[] | null}[];
};

/** The tests of a file that failed, each with the beginning of why. */
function failuresOf({name, status, message = '', assertionResults}: FileReport): string[] {
  const tests = assertionResults.filter(test => test.status === 'failed');
  if (tests.length === 0 && status === 'failed') return [`${name}: ${message.slice(0, 1_000)}`];
  return tests.map(({fullName, failureMessages}) => {
    return `${name}: ${fullName}\n${(failureMessages ?? []).join('\n').slice(0, 1_500)}`;
  });
}

type Run = {isOk: boolean; last: string};

/** One of the scripts of `package.json`. `last`: the end of what it wrote. */
async function run(name: string, args: string[]): Promise<Run> {
  const child = spawn('npm', ['run', '--silent', name, '--', ...args], {stdio: ['ignore', 'pipe', 'pipe']});
  let last = '';
  const pass = (from: Readable, to: Writable) => {
    from.pipe(to, {end: false});
    from.on('data', (bytes: Buffer) => {
      last = (last + bytes.toString()).slice(-lastCharacters);
    });
  };
  pass(child.stdout, process.stdout);
  pass(child.stderr, process.stderr);
  const closed = once(child, 'close');
  const [code] = await once(child, 'exit');
  await Promise.race([closed, sleep(outputMs, undefined, {ref: false})]);
  for (const stream of [child.stdout, child.stderr]) stream.destroy();
  return {isOk: code === 0, last: last.trim()};
}
