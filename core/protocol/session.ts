import {z} from 'zod';
import type {Hlc} from '../time/hlc.ts';

/** Messages between a pipe and its view beside the batches, in JSON. Written names are snake_case. */

export const roles = ['leader', 'follower'] as const;
export type SessionRole = (typeof roles)[number];

/** `POST /pipe/sessions`: opens a session, or takes up the one that this pipe of this agent had. */
export const openSessionRequest = z.strictObject({
  view: z.string(),
  schema: z.literal('fs'),
  agent_id: z.string().min(1).max(64),
  pipe: z.string().min(1).max(64),
  /** New with each start of the pipe: tells a pipe that lost its connection from one that was restarted and missed changes. */
  instance: z.string().min(1).max(64),
  /** The path of the source on the agent's host, for people. */
  source: z.string().max(4096).optional(),
});
export type OpenSessionRequest = z.output<typeof openSessionRequest>;

const progress = {
  role: z.enum(roles),
  /** The view's clock: evidence for what the pipe will look at from now on. */
  hlc: z.number().int().nonnegative(),
  /** Number of the last batch that is stored. */
  last_batch: z.number().int().nonnegative(),
};

export const openSessionAnswer = z.object({
  session_id: z.string(),
  ...progress,
  /** Whether this very instance of the pipe had this session before: it goes on where it was. */
  is_resumed: z.boolean(),
  /** Whether a first snapshot of the view has been completed by anyone. */
  has_snapshot: z.boolean(),
  /** Without a heartbeat or batch for this long the session ends. */
  session_timeout_ms: z.number().positive(),
});
export type OpenSessionAnswer = z.output<typeof openSessionAnswer>;

/** A scan that was asked for. Its phases name it by `job`. */
const orderedScan = z.object({
  job: z.string().min(1).max(64),
  /** Base64url of its bytes. */
  path: z.string(),
  recursive: z.boolean(),
});
export type OrderedScan = z.output<typeof orderedScan>;

/** The answer to a heartbeat and to a batch. */
export const sessionProgress = z.object({
  ...progress,
  has_snapshot: z.boolean(),
  /** Paths (base64url of their bytes) that the leader should look at again: suspects whose time has come. */
  look_at: z.array(z.string()).default([]),
  /** What the leader should scan because somebody asked for it, oldest first. A heartbeat tells all that wait. */
  scans: z.array(orderedScan).default([]),
});
export type SessionProgress = z.output<typeof sessionProgress>;

/** `POST …/{id}/heartbeat`. */
export const heartbeatRequest = z.strictObject({
  /** Realtime events that are not confirmed: at 0 the view has all that the watcher has seen. */
  queued: z.number().int().nonnegative(),
  /** Whether the pipe is ready to look at suspects (the leader's sentinel asks in its interval). */
  wants_suspects: z.boolean().default(false),
  /**
   * How long the view may keep the answer back while it has nothing to tell: while the role is `role`, every scan that waits
   * is among `jobs`, and there are no suspects (if they are wanted). It may answer earlier.
   */
  wait_ms: z.number().int().nonnegative().default(0),
  role: z.enum(roles).optional(),
  /** Scans that the pipe was told of and that it has not ended. */
  jobs: z.array(z.string().max(64)).max(1_000).default([]),
});
/** `toldUntil` travels beside it, in a header: a view of an earlier version does not read it. */
export type HeartbeatRequest = z.output<typeof heartbeatRequest> & {toldUntil?: ToldUntil | undefined};

/**
 * The source has told its pipe all that its watcher saw up to then: `ms` after the pipe received the value `hlc` of the view's
 * clock, or before it. A heartbeat adds how much of it the pipe still has (`queued`), a batch how long its events had waited there.
 * Both may arrive long after they were made, so without this they prove nothing of what is not told.
 */
export type ToldUntil = {hlc: Hlc; ms: number};
export const toldUntilHeader = 'x-fustor-told-until';

export function writeToldUntil({hlc, ms}: ToldUntil): string {
  return `${hlc} ${Math.floor(ms)}`;
}

/** Undefined when it says nothing. */
export function readToldUntil(header: string | undefined): ToldUntil | undefined {
  const [, hlc, ms] = /^(\d{1,16}) (-?\d{1,12})$/.exec(header ?? '') ?? [];
  return hlc === undefined ? undefined : {hlc: Number(hlc), ms: Number(ms)};
}

/** The longest that a heartbeat is kept: proxies end a request that is silent for a minute. */
export const heldMsMax = 20_000;
