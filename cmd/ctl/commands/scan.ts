import {setTimeout as delay} from 'node:timers/promises';
import type {Answer} from '../client.ts';
import {isObject, type JsonObject} from '../exact-json.ts';
import {jsonDocument} from '../output/json.ts';
import {fieldTable} from '../output/table.ts';
import {pathParameters} from '../path-argument.ts';
import type {Verb, VerbCall} from '../verb.ts';
import {viewPath} from '../view-path.ts';

type Flags = {pathB64?: string; recursive: boolean; wait?: boolean};

/** How often is asked how far a scan is: first soon, because most are short. */
const pollMs = {min: 50, max: 1_000};

/** With --wait exit code 1 when the scan failed, 6 when it has not ended within a given --timeout. */
export const scan: Verb<Flags> = {
  name: 'scan',
  summary: 'Have a directory, and everything below it, scanned now by the agent that leads.',
  declare: command =>
    command
      .argument('[path]', 'path in the view; without one its root')
      .option('--no-recursive', 'only the directory itself')
      .option(
        '--wait',
        'until the scan has ended; exit code 1 when it failed, 6 when it has not after a given --timeout',
      )
      .option('--path-b64 <bytes>', 'the path as base64url of its bytes, for one that is not UTF-8'),

  run: async ({client, view, argument, flags, isTimeoutGiven, timeoutMs, isJson, io}) => {
    const order = {...pathParameters(argument, flags.pathB64), recursive: flags.recursive};
    const endsAt = isTimeoutGiven ? performance.now() + timeoutMs : Number.POSITIVE_INFINITY;
    const asked = await client.post(viewPath(view, 'fs/scan'), order);
    const answer = flags.wait ? await follow(asked, {client, view, io, endsAt}) : asked;
    const job = jobOf(answer);
    await io.write(isJson ? jsonDocument(answer) : fieldTable(job));
    if (!flags.wait) return 0;
    if (hasEnded(job)) return job.state === 'done' ? 0 : 1;
    io.notice(`It has not ended after ${timeoutMs / 1_000} s, and goes on: "fustorctl wait --for job=${job.id}".`);
    return 6;
  },
};

/** The answer that tells of the end, or the last in time. */
async function follow(
  asked: Answer,
  {client, view, io, endsAt}: Pick<VerbCall<Flags>, 'client' | 'view' | 'io'> & {endsAt: number},
): Promise<Answer> {
  let answer = asked;
  try {
    for (let waitMs = pollMs.min; !hasEnded(jobOf(answer)); waitMs = Math.min(pollMs.max, 1.5 * waitMs)) {
      const leftMs = endsAt - performance.now();
      if (leftMs <= 0) break;
      io.progress?.(progressText(jobOf(answer)));
      await delay(Math.min(waitMs, leftMs));
      answer = await client.get(viewPath(view, `jobs/${encodeURIComponent(String(jobOf(answer).id))}`));
    }
    return answer;
  } finally {
    io.progress?.('');
  }
}

function jobOf({data}: {data: unknown}): JsonObject {
  return isObject(data) ? data : {};
}

/** A state that is not known here is none to wait for. */
function hasEnded({state}: JsonObject): boolean {
  return state !== 'queued' && state !== 'running';
}

function progressText({state, agent, progress}: JsonObject): string {
  if (state === 'queued') return 'Waiting for the agent that leads …';
  const {directories, entries} = isObject(progress) ? progress : {};
  return `${agent ?? 'The agent'} scans: ${directories ?? 0} directories, ${entries ?? 0} entries so far …`;
}
