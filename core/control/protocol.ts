import {z} from 'zod';
import {deathCauses, partStates} from '../shell/part-report.ts';

/**
 * Messages between a node's shell and the controller, in JSON. Written names are snake_case.
 *
 * Times of day are the sender's and are for people. What is compared or counted down travels as a length of time, so the
 * clocks of two machines never meet.
 */

/** As `name` in a configuration. */
const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const partName = z.string().min(1).max(128);
/** A name of the controller's, or of whoever ordered it. */
export const commandId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const length = z.number().int().nonnegative();
const timeOfDay = z.iso.datetime();

/** A little more than the 8 KiB that a shell keeps: bytes that are no UTF-8 have become three. */
const stderrMax = 32 * 1024;
const partsMax = 1_000;
const commandsMax = 1_000;
const textMax = 4_096;

export const deathReport = z.object({
  at: timeOfDay,
  cause: z.enum(deathCauses),
  code: z.number().int().nullable(),
  signal: z.string().max(32).nullable(),
  pid: z.number().int().nullable(),
  uptime_ms: length,
  detail: z.string().max(textMax),
  /** Its last 8 KiB, as text. */
  stderr: z.string().max(stderrMax),
});

export const partReport = z.object({
  name: partName,
  state: z.enum(partStates),
  pid: z.number().int().nullable(),
  started_at: timeOfDay.nullable(),
  /** How long it had run when this was said. */
  uptime_ms: length.nullable(),
  starts: length,
  memory_bytes: length.nullable(),
  /** When it is started again, in state `backoff`. */
  retry_in_ms: length.nullable(),
  last_death: deathReport.nullable(),
  /** What the part says of itself. */
  health: z.unknown(),
});
export type ReportedPart = z.output<typeof partReport>;

export const shellReport = z.object({
  pid: z.number().int(),
  version: z.string().max(64),
  started_at: timeOfDay,
  host: z.string().max(256),
});
export type ShellReport = z.output<typeof shellReport>;

export const configReport = z.object({
  /** `refused`: the one that was read last is not used, an earlier one goes on. */
  state: z.enum(['running', 'refused']),
  /** Of the one in use. */
  hash: z.string().max(128).optional(),
  last_failed: z.object({reason: z.string().max(textMax), at: timeOfDay}).optional(),
});
export type ConfigReport = z.output<typeof configReport>;

export const partCommands = ['restart', 'kill'] as const;

/**
 * How a command ended.
 *
 * - `done`, `failed`: `message` says what was done, or why not
 * - `expired`: its time was over before it began
 */
export const commandOutcomes = ['done', 'failed', 'expired'] as const;

export const acknowledgement = z.object({
  id: commandId,
  outcome: z.enum(commandOutcomes),
  message: z.string().max(textMax),
});
export type Acknowledgement = z.output<typeof acknowledgement>;

/** `POST /api/v1/control/heartbeat`. */
export const controlHeartbeat = z.object({
  agent_id: id,
  /** New with each start of the shell. */
  instance: z.string().min(1).max(64),
  /** Grows with each heartbeat of an instance: one that was overtaken says nothing new. */
  sequence: length,
  shell: shellReport,
  config: configReport,
  parts: z.array(partReport).max(partsMax),
  /** Of commands that have ended; told again until a heartbeat with them is answered. */
  acknowledgements: z.array(acknowledgement).max(commandsMax).default([]),
  /** The answer need not tell these: they are being executed. */
  known_commands: z.array(commandId).max(commandsMax).default([]),
  /**
   * How long the answer may be kept back while there is no command to tell. The next heartbeat comes within this time, so it
   * also says how long a silence means something.
   */
  wait_ms: length,
});
export type ControlHeartbeat = z.output<typeof controlHeartbeat>;

export const pendingCommand = z.object({
  id: commandId,
  part: partName,
  command: z.enum(partCommands),
  /** What is left of its time: afterwards it must not begin. */
  deadline_ms: z.number().int().positive(),
});
export type PendingCommand = z.output<typeof pendingCommand>;

export const controlHeartbeatAnswer = z.object({
  /** All commands that wait and are not among `known_commands`, oldest first. */
  commands: z.array(pendingCommand).max(commandsMax),
  /** How long it was kept back. What else it took was spent on the way, and on the commands' deadlines. */
  held_ms: length,
});
export type ControlHeartbeatAnswer = z.output<typeof controlHeartbeatAnswer>;
