import {z} from 'zod';

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

/** The answer to a heartbeat and to a batch. */
export const sessionProgress = z.object({
  ...progress,
  has_snapshot: z.boolean(),
  /** Paths (base64url of their bytes) that the leader should look at again: suspects whose time has come. */
  look_at: z.array(z.string()).default([]),
});
export type SessionProgress = z.output<typeof sessionProgress>;

/** `POST …/{id}/heartbeat`. */
export const heartbeatRequest = z.strictObject({
  /** Events waiting in the pipe's bus, for `status`. */
  queued: z.number().int().nonnegative(),
  /** Whether the pipe is ready to look at suspects (the leader's sentinel asks in its interval). */
  wants_suspects: z.boolean().default(false),
});
export type HeartbeatRequest = z.output<typeof heartbeatRequest>;
