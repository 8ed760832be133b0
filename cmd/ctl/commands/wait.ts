import {setTimeout as delay} from 'node:timers/promises';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {AnswerError} from '../answer-error.ts';
import {jsonDocument} from '../output/json.ts';
import {pathParameters} from '../path-argument.ts';
import {settledCondition} from '../settled-condition.ts';
import type {Verb, VerbCall} from '../verb.ts';
import {type Found, readCondition} from '../wait-condition.ts';

type Flags = {for?: string; settled?: string; pathB64?: string};

/** How often is asked: first soon, because much has come already. What cannot be so before some time is not asked sooner. */
const pollMs = {min: 100, max: 1_000, told: 5_000};
/** A server that is silent for longer is asked anew. */
const silenceMsMax = 30_000;

/** Exit code 6 when it has not come in time. What is still missing is told meanwhile, and at the end. */
export const wait: Verb<Flags> = {
  name: 'wait',
  summary: 'Wait until something is so, for --timeout at most; exit code 6 when it is not, with what is still missing.',
  declare: command =>
    command
      .argument(
        '[subject]',
        'with --for: agent/NAME, fusion/NAME, pipe/AGENT/PIPE, view/NAME, revision/N; else all. With --settled: a path',
      )
      .option(
        '--for <condition>',
        'applied (agents, fusions, pipes, a revision: all run what is wanted), online (agents, fusions), complete (views: ' +
          'everything has been seen), job=ID (a scan has ended), deleted (agent, fusion, pipe or view: it is gone)',
      )
      .option(
        '--settled <duration>',
        'nothing has been written at or below the path for so long, and no file there is half-written; without --timeout ' +
          'it waits as long as that takes',
      )
      .option('--path-b64 <bytes>', 'the path as base64url of its bytes, for one that is not UTF-8'),
  completes: ['nothing'],
  nameOf: ({subject}) => String(subject),

  run: async call => {
    const {argument, flags, isJson, io} = call;
    const timeoutMs = flags.settled !== undefined && !call.isTimeoutGiven ? Number.POSITIVE_INFINITY : call.timeoutMs;
    const look = conditionOf(call);
    const endsAt = performance.now() + timeoutMs;
    let found: Found = {missing: [], isHopeless: false};
    try {
      for (let waitMs = pollMs.min; ; waitMs = Math.min(pollMs.max, 1.5 * waitMs)) {
        found = await passing(look);
        const leftMs = endsAt - performance.now();
        const {missing, isHopeless, notBeforeMs = 0} = found;
        if (missing.length === 0 || isHopeless || leftMs <= 0) break;
        io.progress?.(missing.length === 1 ? `${missing[0]} …` : `${missing[0]} (${missing.length} in all) …`);
        await delay(Math.min(Math.max(waitMs, Math.min(notBeforeMs, pollMs.told)), leftMs));
      }
    } finally {
      io.progress?.('');
    }
    const {missing, isHopeless, facts} = found;
    const isMet = missing.length === 0;
    const condition = flags.for ?? `settled=${flags.settled}`;
    const data = {condition, subject: argument ?? null, met: isMet, missing, ...facts};
    if (isJson) await io.write(jsonDocument({data}));
    else for (const text of missing) io.notice(text);
    if (isMet) return 0;
    if (!isJson && !isHopeless) io.notice(`It is not so after ${timeoutMs / 1_000} s.`);
    return isHopeless ? 1 : 6;
  },
};

/** Throws USAGE. */
function conditionOf({client, control, view, argument, flags}: VerbCall<Flags>): () => Promise<Found> {
  if ((flags.for === undefined) === (flags.settled === undefined)) {
    throw new FustorError('USAGE', 'Give either --for or --settled: what is to be waited for.', {
      hint: 'Run "fustorctl wait --help".',
    });
  }
  const asked = {client: client.within(silenceMsMax), control: control.within(silenceMsMax), view};
  if (flags.for !== undefined) return readCondition(flags.for, argument, asked);
  return settledCondition({...pathParameters(argument, flags.pathB64), settled: flags.settled}, asked);
}

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
