import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {openMemoryTree} from '../lib/memory-tree.ts';
import {type Scenario, scenarioOf} from './scenario.ts';
import {shrink} from './shrink.ts';
import {simulate} from './simulate.ts';

/**
 * `npm run sim`: scenarios that once went wrong (`corpus/`), fixed seeds, then fresh ones for `--seconds`. A scenario that goes
 * wrong is printed, shrunk and kept in `corpus/`. Of fresh seeds it fails the run only with `--strict`: a discovery is no
 * regression, and from then on it is in the corpus; with `--stop` it ends the run at once. `--seed N` runs one and prints all that happens; `--scenario FILE` too.
 */
const {values} = parseArgs({
  options: {
    seed: {type: 'string'},
    scenario: {type: 'string'},
    fixed: {type: 'string', default: '60'},
    stop: {type: 'boolean', default: false},
    strict: {type: 'boolean', default: false},
    seconds: {type: 'string', default: process.env.CI === undefined ? '30' : '60'},
    from: {type: 'string', default: String(Date.now() % 1_000_000_000)},
  },
});
/** Each of these has found something: a replayed delete, a batch under another session's name, a list that was wrong … */
const onceBad = [70, 100, 125, 208, 1003, 1021, 1030, 1047, 1184];
const corpus = join(import.meta.dirname, 'corpus');

if (values.seed !== undefined) await show(scenarioOf(Number(values.seed)));
else if (values.scenario !== undefined) await show(read(values.scenario));
else process.exitCode = (await check()) ? 0 : 1;

async function show(scenario: Scenario): Promise<void> {
  const {trace, violations, hash} = await simulate(scenario, openMemoryTree());
  console.log([...trace, ...violations, `trace ${hash}`].join('\n'));
  process.exitCode = violations.length === 0 ? 0 : 1;
}

async function check(): Promise<boolean> {
  const startedAt = performance.now();
  const kept = existsSync(corpus) ? readdirSync(corpus).map(name => read(join(corpus, name))) : [];
  const seeds = [...onceBad, ...Array.from({length: Number(values.fixed)}, (_, index) => index + 1)];
  const fixed = seeds.map(scenarioOf);
  let bad = 0;
  let found = 0;
  let count = 0;
  for (const scenario of [...kept, ...fixed]) {
    const {violations, hash} = await simulate(scenario, openMemoryTree());
    const again = count++ % 10 === 0 ? await simulate(scenario, openMemoryTree()) : undefined;
    if (again && again.hash !== hash) {
      console.log(`seed ${scenario.seed}: two runs differ, traces ${hash} and ${again.hash}`);
      bad++;
    }
    if (violations.length > 0) bad += await report(scenario, violations);
  }
  const freshUntil = performance.now() + Number(values.seconds) * 1_000;
  for (let seed = Number(values.from); performance.now() < freshUntil; seed++, count++) {
    const {violations} = await simulate(scenarioOf(seed), openMemoryTree());
    if (violations.length > 0) found += await report(scenarioOf(seed), violations);
  }
  const perSecond = (count * 1_000) / (performance.now() - startedAt);
  const fresh = count - kept.length - fixed.length;
  console.log(
    `${count} scenarios (${kept.length} kept, ${fixed.length} fixed, ${fresh} fresh from seed ${values.from}), ${bad} bad, ${found} of the fresh bad, ${perSecond.toFixed(1)} a second`,
  );
  return bad === 0 && !(values.strict && found > 0);
}

async function report(scenario: Scenario, violations: readonly string[]): Promise<number> {
  if (values.stop) process.exit(1);
  console.log(`seed ${scenario.seed}:\n  ${violations.slice(0, 5).join('\n  ')}`);
  const small = await shrink(scenario);
  mkdirSync(corpus, {recursive: true});
  const file = join(corpus, `seed-${scenario.seed}.json`);
  writeFileSync(file, `${JSON.stringify(small, undefined, 1)}\n`);
  console.log(`  shrunk from ${scenario.actions.length} to ${small.actions.length} actions: ${file}`);
  return 1;
}

function read(file: string): Scenario {
  return JSON.parse(readFileSync(file, 'utf8')) as Scenario;
}
