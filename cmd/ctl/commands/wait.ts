import {setTimeout as delay} from 'node:timers/promises';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {AnswerError} from '../answer-error.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';
import {type Found, readCondition} from '../wait-condition.ts';

type Flags = {for: string};

/** How often is asked: first soon, because much has come already. */
const pollMs = {min: 100, max: 1_000};

/** Exit code 6 when it has not come in time. What is still missing is told meanwhile, and at the end. */
export const wait: Verb<Flags> = {
  name: 'wait',
  summary: 'Wait until something is so, for --timeout at most; exit code 6 when it is not, with what is still missing.',
  declare: command =>
    command
      .argument('[kind/name]', 'of which: agent/NAME, fusion/NAME, pipe/AGENT/PIPE, view/NAME, revision/N; else of all')
      .requiredOption(
        '--for <condition>',
        'applied (agents, fusions, pipes, a revision: all run what is wanted), online (agents, fusions), complete (views: ' +
          'everything has been seen), job=ID (a scan has ended), deleted (agent, fusion, pipe or view: it is gone)',
      ),
  completes: ['nothing'],
  nameOf: ({subject}) => String(subject),

  run: async ({client, control, view, argument, flags, timeoutMs, isJson, io}) => {
    const look = readCondition(flags.for, argument, {client, control, view});
    const endsAt = performance.now() + timeoutMs;
    let found: Found = {missing: [], isHopeless: false};
    try {
      for (let waitMs = pollMs.min; ; waitMs = Math.min(pollMs.max, 1.5 * waitMs)) {
        found = await passing(look);
        const leftMs = endsAt - performance.now();
        if (found.missing.length === 0 || found.isHopeless || leftMs <= 0) break;
        io.progress?.(`${found.missing[0]} (${found.missing.length} in all) …`);
        await delay(Math.min(waitMs, leftMs));
      }
    } finally {
      io.progress?.('');
    }
    const {missing, isHopeless} = found;
    const isMet = missing.length === 0;
    if (isJson)
      await io.write(jsonDocument({data: {condition: flags.for, subject: argument ?? null, met: isMet, missing}}));
    else for (const text of missing) io.notice(text);
    if (isMet) return 0;
    if (!isJson && !isHopeless) io.notice(`It is not so after ${timeoutMs / 1_000} s.`);
    return isHopeless ? 1 : 6;
  },
};

/** A server that is started again meanwhile is what one waits for. */
async function passing(look: () => Promise<Found>): Promise<Found> {
  try {
    return await look();
  } catch (error) {
    const isPassing =
      error instanceof AnswerError
        ? error.status >= 500 || error.status === 429
        : error instanceof FustorError && (error.code === 'UNREACHABLE' || error.code === 'TIMED_OUT');
    if (!isPassing) throw error;
    return {missing: [(error as Error).message], isHopeless: false};
  }
}
