import {AnswerError} from './answer-error.ts';
import type {Meta} from './api.ts';
import type {Client, Parameters} from './client.ts';
import {isObject, type JsonObject} from './exact-json.ts';
import {viewPath} from './view-path.ts';
import type {Found} from './wait-condition.ts';

export const settledHelp = 'also whether nothing was written there for so long, and nothing is half-written';

/** Whether a path is settled, at a moment after the first question, and why not. One that is not there yet may come. */
export function settledCondition(
  parameters: Parameters,
  {client, view}: {client: Client; view: string | undefined},
): () => Promise<Found> {
  let askedAt: string | undefined;
  return async () => {
    const settled = settledOf(await metaOf(client, viewPath(view, 'fs/stat'), parameters));
    const {is_settled, as_of, asked_at, looked_at, reason, retry_after_s} = settled;
    askedAt ??= typeof asked_at === 'string' ? asked_at : undefined;
    const missing = () => {
      if (is_settled !== true) return [String(reason ?? 'The fusion does not tell why.')];
      if (askedAt === undefined)
        return ['The engine of the view does not answer: nobody knows what was written since.'];
      if (String(as_of) >= askedAt) return [];
      const advice = as_of === looked_at ? ' Have it read with "fustorctl scan PATH".' : '';
      return [`It was settled up to ${as_of}; what was written since is not known yet.${advice}`];
    };
    return {
      missing: missing(),
      isHopeless: false,
      notBeforeMs: typeof retry_after_s === 'number' ? retry_after_s * 1_000 : 0,
      facts: {settled},
    };
  };
}

async function metaOf(client: Client, path: string, parameters: Parameters): Promise<Meta> {
  try {
    const {meta} = await client.get(path, parameters);
    return isObject(meta) ? meta : {};
  } catch (error) {
    const isMissing = error instanceof AnswerError && error.body.error.code === 'PATH_NOT_FOUND';
    if (isMissing && error.body.meta) return error.body.meta;
    throw error;
  }
}

function settledOf({settled}: Meta): JsonObject {
  return isObject(settled) ? settled : {};
}

/** A line about it for people. */
export function settledNotice({settled}: Meta): string[] {
  if (!isObject(settled)) return [];
  const {is_settled, for_s, quiet_since, as_of, looked_at, reason} = settled;
  if (is_settled !== true) return [`Not settled: ${reason}`];
  const others = looked_at === null ? 'have not been looked for' : `are known from ${looked_at}`;
  return [
    `Settled for ${for_s} s: no write since ${quiet_since}, known up to ${as_of}; writes of hosts without an agent ${others}.`,
  ];
}
