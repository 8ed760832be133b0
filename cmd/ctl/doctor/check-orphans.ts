import {basename, dirname, join} from 'node:path';
import {readRecords} from '../../shell/part-record.ts';
import {isRunning} from '../../shell/process-table.ts';
import type {Check, Finding} from './finding.ts';
import {commandLine, linkOf, lockHolder, processText} from './processes.ts';

const partWords = {payload: 'agent', engine: 'fusion', gateway: 'fusion', controller: 'fusion'} as const;

/**
 * Parts of shells that are gone, wherever their data is: what such a process writes on stderr goes to `run/NAME.log` of its
 * data directory, so the process itself leads there. They work, and nobody sees whether they still do.
 */
export const checkOrphans: Check = {
  name: 'orphans',
  find: ({homes}, facts) => [...homes.flatMap(recordsOfTheDead), ...facts.processNumbers().flatMap(orphan)],
};

function orphan(pid: number): Finding[] {
  const role = roleOfPart(commandLine(pid));
  const log = role && linkOf(`/proc/${pid}/fd/2`)?.replace(/ \(deleted\)$/, '');
  if (!role || !log || basename(dirname(log)) !== 'run' || !log.endsWith('.log')) return [];
  const data = dirname(dirname(log));
  const name = basename(log, '.log');
  const record = readRecords(dirname(log)).find(one => one.name === name);
  const subject = `${name}, pid ${pid}`;
  if (lockHolder(join(data, `${role}.lock`)) === undefined) {
    const problem = `It works for the ${role} on ${data}, whose shell is gone: nobody starts it again when it dies.`;
    const remedy = `Start the ${role} again, which takes it over; or end it: fustor-${role} end-parts --config FILE`;
    return [{subject, problem, remedy}];
  }
  if (record?.pid === pid) return [];
  const problem = `The ${role} on ${data} knows nothing of it${record ? `: its ${name} is ${processText(record.pid)}` : ''}.`;
  return [{subject, problem, remedy: `End it: kill ${pid}`}];
}

/** Of `fustor-agent payload`, or in development of `node … cmd/agent/main.ts payload`. */
function roleOfPart(words: string[]): 'agent' | 'fusion' | undefined {
  const last = words.at(-1) ?? '';
  const role = Object.hasOwn(partWords, last) ? partWords[last as keyof typeof partWords] : undefined;
  const isOurs = words.some(word => basename(word) === `fustor-${role}` || word.endsWith(`cmd/${role}/main.ts`));
  return isOurs ? role : undefined;
}

/** A host that lost its power leaves them. */
function recordsOfTheDead({
  data,
  shellPid,
  records,
}: {
  data: string;
  shellPid: number | undefined;
  records: {name: string; pid: number; startTime: string}[];
}): Finding[] {
  if (shellPid !== undefined) return [];
  return records
    .filter(record => !isRunning(record))
    .map(({name, pid}) => ({
      subject: `${data}/run/${name}.pid`,
      problem: `It names the process ${pid}, which is gone: the host, or everything at once, was stopped hard.`,
      remedy: 'Nothing: the next start removes it.',
      isNotice: true,
    }));
}
