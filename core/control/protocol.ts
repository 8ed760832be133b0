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
  /** Of the operating system (`/etc/machine-id`, hashed): two hosts with one identity differ in it. */
  machine_id: z.string().max(64).optional(),
});
export type ShellReport = z.output<typeof shellReport>;

const hash = z.string().max(128);
/** What was tried and is not used, and why; `hash` is missing where nothing with one was found. */
const failure = z.object({hash: hash.optional(), reason: z.string().max(textMax), at: timeOfDay});

/**
 * - `applied`: it was healthy for the time of a soak on the hash that is wanted
 * - `soaking`: it runs with the hash that is wanted, not yet for long enough
 * - `pending`: it is being started or replaced
 * - `rolled_back`: what is wanted failed; it runs what was applied last
 * - `failed`: what is wanted failed, and nothing was ever applied
 * - `invalid`: what is wanted does not validate here; what was applied last goes on, if there is any
 */
export const applyStates = ['applied', 'soaking', 'pending', 'rolled_back', 'failed', 'invalid'] as const;
export type ApplyState = (typeof applyStates)[number];

/** One pipe of an agent, or a part of a fusion that has a configuration of its own: what it runs, and what it should. */
export const partConfigReport = z.object({
  name: partName,
  state: z.enum(applyStates),
  running: hash.nullable(),
  desired: hash.nullable(),
  last_failed: failure.optional(),
});
export type PartConfigReport = z.output<typeof partConfigReport>;

/** Where a node has its configuration from. */
export const configOrigins = ['file', 'controller', 'cache'] as const;

export const configReport = z.object({
  /** `refused`: the one that was read last is not used, an earlier one goes on. */
  state: z.enum(['running', 'refused']),
  /** Of the one in use. */
  hash: hash.optional(),
  last_failed: failure.optional(),
  origin: z.enum(configOrigins).optional(),
  /** Signature of the manifest that this node has accepted last. */
  desired: z.string().max(512).optional(),
  /** Signature of the manifest of which every part is applied; `desired` when all is as it should be. */
  running: z.string().max(512).optional(),
  parts: z.array(partConfigReport).max(partsMax).optional(),
});
export type ConfigReport = z.output<typeof configReport>;

export const nodeKinds = ['agent', 'fusion'] as const;
export type NodeKind = (typeof nodeKinds)[number];

export const partCommands = ['restart', 'kill'] as const;

/**
 * What a node's shell can be told to do.
 *
 * - `restart`, `kill`: to a part, which is started again
 * - `scan`: to the payload of a pipe, with `arguments.path` (text below the root of the source): scans it now
 * - `reload`: to the shell, as SIGHUP does
 * - `logs`: tells the last `arguments.lines` lines of what a part wrote, or of the shell's own log, in `data.text`
 */
export const nodeCommands = [...partCommands, 'scan', 'reload', 'logs'] as const;
export type NodeCommand = (typeof nodeCommands)[number];
export const commandArguments = z
  .strictObject({path: z.string().max(textMax), lines: z.number().int().min(1).max(1_000)})
  .partial();
export type CommandArguments = z.output<typeof commandArguments>;
/** What a command brought back. */
export const commandData = z.object({text: z.string().max(64 * 1024)}).partial();
export type CommandData = z.output<typeof commandData>;

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
  data: commandData.optional(),
});
export type Acknowledgement = z.output<typeof acknowledgement>;

/** `POST /api/v1/control/heartbeat`. */
export const controlHeartbeat = z.object({
  /** Of the node; of a fusion too. */
  agent_id: id,
  /** `agent` when it is not said. */
  kind: z.enum(nodeKinds).optional(),
  /** New with each start of the shell. */
  instance: z.string().min(1).max(64),
  /** Grows with each heartbeat of an instance: one that was overtaken says nothing new. */
  sequence: length,
  shell: shellReport,
  config: configReport,
  parts: z.array(partReport).max(partsMax),
  /** Of a fusion: how its views are, as `…/status` of each tells. */
  views: z.array(z.record(z.string(), z.unknown())).max(partsMax).optional(),
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
  /** Null: the shell itself. */
  part: partName.nullable(),
  command: z.enum(nodeCommands),
  arguments: commandArguments.optional(),
  /** What is left of its time: afterwards it must not begin. */
  deadline_ms: z.number().int().positive(),
});
export type PendingCommand = z.output<typeof pendingCommand>;

export const controlHeartbeatAnswer = z.object({
  /** All commands that wait and are not among `known_commands`, oldest first. */
  commands: z.array(pendingCommand).max(commandsMax),
  /** How long it was kept back. What else it took was spent on the way, and on the commands' deadlines. */
  held_ms: length,
  /** Signature of the manifest that the controller has for this node, if it has one: another one than `desired` is to be pulled. */
  desired: z.string().max(512).optional(),
});
export type ControlHeartbeatAnswer = z.output<typeof controlHeartbeatAnswer>;
