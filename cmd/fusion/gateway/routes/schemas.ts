import {z} from '@hono/zod-openapi';
import {unreached} from '../../../../core/protocol/sync-point.ts';
import {settledCauses} from '../../../../core/query/settled.ts';
import {jobStates} from '../../../../core/view/jobs.ts';
import {syncs} from '../../../../core/view/view-status.ts';
import {json} from '../../../http/api.ts';

const settled = z
  .object({
    is_settled: z.boolean().describe('Nothing was written there for that long, and nothing is half-written.'),
    for_s: z.number(),
    quiet_since: z.string().nullable().describe('When the last write there was seen.'),
    as_of: z.string().nullable().describe('Up to when that is known, of what the hosts of all agents write.'),
    asked_at: z
      .string()
      .nullable()
      .describe('When it was asked: a later `as_of` speaks of a moment after that. Null while the engine is away.'),
    looked_at: z
      .string()
      .nullable()
      .describe('When the last scan that read all of it began: what hosts without an agent wrote later is not known.'),
    cause: z.enum(settledCauses).optional().describe('Why not, in one word.'),
    reason: z.string().optional().describe('And for people.'),
    retry_after_s: z.number().optional().describe('It cannot be so earlier than in that time.'),
  })
  .openapi('Settled');

/** Shapes of answers, for `/openapi.json`. */
export const meta = z
  .object({
    view: z.string(),
    seq: z.number().int(),
    seq_from: z.number().int().optional(),
    changes_since: z
      .string()
      .optional()
      .describe('`since` of fs/changes and fs/watch, for all that this answer does not have.'),
    complete: z.boolean(),
    sync: z.enum(syncs),
    problem: z.string().optional().describe('With "unreadable": why the store cannot be read now, in one word.'),
    last_event_at: z.string().nullable(),
    leader: z.string().nullable(),
    agents: z.array(z.string()),
    blind_spot: z.number().int(),
    suspect: z.number().int(),
    next_cursor: z.string().nullable().optional(),
    settled: settled.optional(),
    job: z
      .object({id: z.string(), state: z.enum(jobStates)})
      .nullable()
      .optional()
      .describe('With on_demand_scan: the scan of this path; null when it could not be asked for.'),
    sync_point: z
      .union([
        z.object({is_reached: z.literal(true), seq: z.number().int().describe('Not later than that of the answer.')}),
        unreached.extend({is_reached: z.literal(false)}),
      ])
      .optional()
      .describe("With sync: whether every change made through the leader's mount before the request is in the answer."),
    job_error: z.string().optional().describe('Why it could not.'),
  })
  .openapi('Meta');

export const node = z
  .object({
    name: z.string().optional().describe('Where `fields` or the format have it.'),
    name_b64: z.string().optional().describe('The bytes of a name that is not valid UTF-8, in base64url.'),
    path: z.string().optional().describe('At the root of an answer, and with `fields`.'),
    path_b64: z.string().optional(),
    content_type: z.enum(['directory', 'file', 'symlink', 'other']).optional(),
    size: z.number().int().optional(),
    modified_time: z.number().optional().describe('Seconds since 1970, exact to the nanosecond.'),
    changed_time: z.number().optional().describe('The same, of its last change of any kind; only with `fields`.'),
    integrity_suspect: z.boolean().optional(),
    blind_spot: z.boolean().optional().describe('Only with `fields`.'),
    continued: z.boolean().optional().describe('Was on an earlier page and only leads to others here.'),
    children: z.array(z.unknown()).optional().describe('Nodes; present where the answer goes into the directory.'),
  })
  .openapi('Node');

const bytes = z.string().openapi({format: 'binary'});

/** An answer that is made of entries; what its other formats have follows from the JSON. */
export function inFormats(schema: z.ZodType, description: string) {
  return {
    description,
    content: {
      'application/json': {schema},
      'application/x-ndjson': {schema: bytes},
      'text/plain': {schema: bytes},
      'application/octet-stream': {schema: bytes},
      'application/cbor': {schema: bytes},
    },
  };
}

const scanProgress = z.object({
  directories: z.number().int(),
  entries: z.number().int(),
  unchanged: z.number().int().optional().describe('Directories that an audit looked at and skipped.'),
});

export const job = z
  .object({
    id: z.string(),
    source: z.enum(['snapshot', 'audit', 'on_demand']),
    path: z.string(),
    path_b64: z.string().optional(),
    recursive: z.boolean(),
    state: z.enum(jobStates),
    requested_by: z.string().nullable().describe('Name of the key; null for what an agent does of its own.'),
    requested_at: z.string(),
    started_at: z.string().nullable(),
    ended_at: z.string().nullable(),
    agent: z.string().nullable(),
    session: z.string().nullable(),
    progress: scanProgress,
    reason: z.string().nullable().describe('Why it failed.'),
  })
  .openapi('Job');

export const errorBody = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      hint: z.string().optional(),
      details: z.unknown().optional(),
    }),
    meta: meta.optional(),
  })
  .openapi('Error');

export {json};

/** Where an answer has an `ETag`. */
export const notModifiedAnswer = {
  description:
    'With If-None-Match: what the client has is still so. An ETag does not tell `seq`, `seq_from`, `changes_since` and ' +
    '`last_event_at`, which move with changes elsewhere.',
};

export const errorAnswers = {
  400: json(errorBody, 'A parameter is unknown or malformed.'),
  401: json(errorBody, 'No key, or an unknown one.'),
  403: json(errorBody, 'The key may not do this.'),
  404: json(errorBody, 'No such view or path; `meta.complete` tells "does not exist" from "not seen yet".'),
};

/** Of requests that may demand something. */
export const unmetAnswer = {
  412: json(errorBody, 'What the request demands with `require` is not so now; `meta` tells what is.'),
};

/** Of answers that are made from several snapshots before any of it is sent. */
export const storeLostAnswer = {
  503: json(errorBody, 'The store of the view went away, or was replaced, while the answer was made.'),
};
