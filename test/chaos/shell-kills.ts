import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {parseArgs} from 'node:util';
import {Prng} from '../lib/prng.ts';
import {until} from '../lib/until.ts';
import {writeCounts} from './counts.ts';
import {Prober} from './prober/prober.ts';
import {processesAbout} from './site/census.ts';
import {ChaosSite, type Role} from './site/chaos-site.ts';
import {whyNoSmallDisk} from './site/small-disk.ts';
import {Witness} from './witness.ts';
import {Writer} from './writer/writer.ts';

/**
 * `npm run chaos:shell [-- --kills 200 --seed N --only ROUND]`: `kill -9` of a shell again and again, at random moments of its life, with
 * its supervisor starting it at once. Its parts must stay the processes that they are, be taken over in less than a second,
 * and lose nothing.
 *
 * Three rounds: the agent's shell; the same with the payload killed a moment before every second time, so that the shell dies
 * in the middle of starting it again; the fusion's shell, with the prober asking meanwhile.
 */
const {values} = parseArgs({
  options: {
    kills: {type: 'string', default: '200'},
    seed: {type: 'string', default: '1'},
    only: {type: 'string'},
    keep: {type: 'boolean', default: false},
    counts: {type: 'string'},
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
/** A shell is killed so long after it came up, at most. */
const lifeMsMax = 1_500;
const [files, requests, changes] = [2_000, 100, 300];

type Round = {name: string; role: Role; killsParts: boolean};
const rounds: Round[] = [
  {name: 'agent', role: 'agent', killsParts: false},
  {name: 'agent-and-payload', role: 'agent', killsParts: true},
  {name: 'fusion', role: 'fusion', killsParts: false},
];

const results: {round: string; wrong: string[]}[] = [];
const missing = whyNoSmallDisk();
if (missing !== undefined) console.warn(`SKIPPED: ${missing}`);
for (const round of rounds) {
  if (missing !== undefined || (values.only !== undefined && round.name !== values.only)) continue;
  const site = await ChaosSite.open({files, holder: 'shell'});
  const wrong = await run(round, site);
  results.push({round: round.name, wrong});
  console.log(`${round.name}: ${wrong.length === 0 ? 'good' : `\n  ${wrong.join('\n  ')}`}`);
  await site.dispose({keep: values.keep || wrong.length > 0});
  if (wrong.length > 0) console.log(`What went wrong is in ${site.folder}`);
}
const failed = results.filter(({wrong}) => wrong.length > 0).length;
writeCounts(values.counts, {
  passed: results.length - failed,
  failed,
  skipped: missing === undefined ? 0 : rounds.length,
  wrong: results.flatMap(({round, wrong}) => wrong.map(text => `${round}: ${text}`)),
});
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** What must not have been. */
async function run({name, role, killsParts}: Round, site: ChaosSite): Promise<string[]> {
  // Where no payload is killed nothing is missed, and no audit may be needed to find it.
  if (!killsParts) site.config.agent.pipes.site.audit_interval = '12h';
  site.writeConfig('agent');
  await site.startFusion();
  site.services.agent.start();
  const writer = new Writer({directory: join(site.storage, 'storm'), seed, rate: changes});
  const prober = role === 'fusion' ? await startProber(site) : undefined;
  try {
    await site.recovered();
    await writer.resume();
    const witness = new Witness(site, role);
    const random = new Prng(seed);
    for (let kill = 1; kill <= kills; kill++) {
      // Mostly while it works, now and then while it starts.
      if (random.below(4) > 0) await until(() => site.isUp(role), {everyMs: 5, what: 'the shell'});
      await sleep(random.below(lifeMsMax));
      if (killsParts && kill % 2 === 0) await witness.killPart();
      await sleep(random.below(20));
      await witness.killShell();
    }
    await site.recovered();
    await writer.pause();
    const entries = await site.same(killsParts ? 120_000 : 20_000);
    witness.finish();
    const report = await prober?.finish();
    const {agent, fusion} = await site.stop();
    if (agent !== 0 || fusion !== 0) witness.wrong.push(`ended with ${agent} and ${fusion}`);
    await writer.end();
    const left = processesAbout(site.folder).map(({pid, command}) => `left over: ${pid} ${command}`);
    const asked = report ? `, ${report.onNew + report.onKept} requests` : '';
    console.log(`${name}: ${kills} kills, ${entries} entries, ${writer.changes} changes${asked}; ${witness.summary()}`);
    const problems = (prober?.problems ?? []).map(({kind, question, detail}) => `${kind} of ${question}: ${detail}`);
    return [...witness.wrong, ...left, ...problems, ...(killsParts ? [] : rescans(site))];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    await writer.end();
    await prober?.end();
  }
}

async function startProber(site: ChaosSite): Promise<Prober> {
  const {url, key, storage} = site;
  const prober = new Prober({url, key, base: join(storage, 'base'), rate: requests, seed});
  await prober.begin();
  return prober;
}

/** Scans after the first: a payload that was left alone has no reason for one. */
function rescans(site: ChaosSite): string[] {
  const run = join(site.folder, 'agent/run');
  const logs = readdirSync(run).filter(name => /^payload-.*\.log$/.test(name));
  const texts = logs.map(name => readFileSync(join(run, name), 'utf8'));
  const begun = texts.join('').split('"message":"scan begins"').length - 1;
  return begun === 1 ? [] : [`${begun} scans have begun instead of one, by ${logs.join(', ') || 'no log'}`];
}
