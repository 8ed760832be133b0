import {existsSync} from 'node:fs';
import {checks} from '../doctor/checks.ts';
import type {Check, Finding} from '../doctor/finding.ts';
import {type HostFacts, hostFacts} from '../doctor/host-facts.ts';
import type {Place} from '../doctor/place.ts';
import {readPlace} from '../doctor/read-place.ts';
import {escapeName} from '../output/escape.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';

type Flags = {config: string[]; bootstrap: string[]; data: string[]};

/** Where a node has its configuration when nobody says anything else. */
const usualConfigs = ['/etc/fustor/fustor.yaml', './fustor.yaml'];
const usualBootstraps = ['/etc/fustor/bootstrap.yaml', './bootstrap.yaml'];

export const doctor = doctorWith(hostFacts);

/** Exit code 1 when something is wrong; notices alone are 0. */
export function doctorWith(facts: HostFacts): Verb<Flags> {
  return {
    name: 'doctor',
    summary:
      'Find what is wrong with Fustor on this host, and say what to do about it. Needs no server and changes nothing.',
    declare: command =>
      command
        .option('--config <file>', 'a configuration of this host; can be repeated', all, [])
        .option('--bootstrap <file>', 'a bootstrap file of this host; can be repeated', all, [])
        .option('--data <folder>', 'a data directory, where there is no file; can be repeated', all, [])
        .addHelpText('after', `\nWithout any of them: ${[...usualConfigs, ...usualBootstraps].join(', ')}.`),
    isLocal: true,
    completes: ['nothing'],
    nameOf: ({check}) => String(check),

    run: async ({flags, isJson, io}) => {
      const isNothingGiven = flags.config.length + flags.bootstrap.length + flags.data.length === 0;
      const given = {
        configs: isNothingGiven ? usualConfigs.filter(existsSync) : flags.config,
        bootstraps: isNothingGiven ? usualBootstraps.filter(existsSync) : flags.bootstrap,
        data: flags.data,
      };
      const place = await readPlace(given, io.env, facts.nowMs);
      const results = await Promise.all(checks.map(check => make(check, place, facts)));
      await io.write(isJson ? jsonDocument({data: results}) : results.map(shown).join(''));
      if (!isJson && place.homes.length === 0) {
        io.notice('Only this host as such was looked at: name a node with --config, --bootstrap or --data.');
      }
      return results.some(({state}) => state === 'failed') ? 1 : 0;
    },
  };
}

function all(value: string, before: string[]): string[] {
  return [...before, value];
}

type Result = {
  check: string;
  state: 'ok' | 'notice' | 'failed';
  findings: (Omit<Finding, 'isNotice'> & {severity: 'error' | 'notice'})[];
};

/** A check that cannot be made is told, and the others are. */
async function make({name, find}: Check, place: Place, facts: HostFacts): Promise<Result> {
  const found = await Promise.resolve()
    .then(() => find(place, facts))
    .catch((error: Error) => [
      {subject: name, problem: `This cannot be found out: ${error.message}`, remedy: 'Run it as root.', isNotice: true},
    ]);
  const findings = found.map(({isNotice, ...one}) => ({
    ...one,
    severity: isNotice ? ('notice' as const) : ('error' as const),
  }));
  const state = findings.some(({severity}) => severity === 'error') ? 'failed' : findings.length > 0 ? 'notice' : 'ok';
  return {check: name, state, findings};
}

function shown({check, state, findings}: Result): string {
  const lines = findings.flatMap(({subject, problem, remedy}) => [`  ${subject}: ${problem}`, `    ${remedy}`]);
  return [`${check.padEnd(16)}${state}`, ...lines].map(line => `${visible(line)}\n`).join('');
}

/** Mistakes of a configuration have lines of their own. */
function visible(text: string): string {
  return text
    .split('\n')
    .map(line => escapeName(Buffer.from(line)))
    .join('\n');
}
