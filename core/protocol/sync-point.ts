import {z} from 'zod';

/**
 * A sync point: a moment up to which the view has everything that was changed through the mount of its leader. A view asks the
 * leader's pipe for one; the pipe says so when the view has stored all that was on its way, or why it cannot be said.
 */

/** Why a sync point was not reached. */
export const unreachedReasons = {
  no_engine: "The view's writer does not answer now.",
  no_leader: 'No agent feeds the view now.',
  not_supported: "The leader's agent, its watcher or its version cannot say it.",
  not_read_yet: 'The leader has not read everything once since it leads: what was changed before is not known.',
  not_all_watched: 'Directories without a watch: what changes in them is found by audits.',
  gap: 'Changes may have been missed, and what they may have been is being read again.',
  in_doubt: 'Two agents told of one path, and which of it is later is not known before the leader has looked.',
  unavailable: "The leader's storage is not there or does not answer.",
  leader_changed: 'The leader changed, or lost its session, meanwhile.',
  timed_out: 'Not within `sync_timeout`: the leader does not answer, or much is on its way.',
} as const;
export type UnreachedReason = keyof typeof unreachedReasons;

const reasonNames = Object.keys(unreachedReasons) as [UnreachedReason, ...UnreachedReason[]];

/** `message` is for people. */
export const unreached = z.object({reason: z.enum(reasonNames), message: z.string().max(1_000)});
export type Unreached = z.output<typeof unreached>;

/**
 * `POST …/{id}/sync-points`: a leading pipe tells what became of the sync point that it was asked for, if it was, and asks for the
 * next. The answer is kept back for `wait_ms` at most, until one is wanted. A pipe that never asks knows of no sync points.
 */
export const syncPointRequest = z.object({
  told: z.object({id: z.string().max(64), unreached: unreached.optional()}).optional(),
  wait_ms: z.number().int().nonnegative().default(0),
});
export type SyncPointRequest = z.input<typeof syncPointRequest>;

/** The sync point that is wanted; null: none. */
export const syncPointAnswer = z.object({wanted: z.string().max(64).nullable()});
export type SyncPointAnswer = z.output<typeof syncPointAnswer>;
