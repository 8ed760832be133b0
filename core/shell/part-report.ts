/** What a shell says of its parts: in its heartbeat, on its own socket, and to the operator. */

/**
 * - `starting`: the process runs and has not answered yet
 * - `running`: it answers
 * - `stopping`: it was asked to end, and has not
 * - `backoff`: it died and is started again at `retryAt`
 * - `quarantined`: it died too often; it is started again by a command, a new configuration or a new executable
 * - `stopped`: not wanted any more
 */
export const partStates = ['starting', 'running', 'stopping', 'backoff', 'quarantined', 'stopped'] as const;
export type PartState = (typeof partStates)[number];

/**
 * Why a process ended.
 *
 * - `exit`, `signal`: by itself, or by somebody else; with `code` or `signal`
 * - `out_of_memory`: V8 gave up, as its last words say
 * - `unanswering`: ended by the shell, because it did not answer: it spins, or waits in the kernel
 * - `frozen`: ended by the shell, because it was stopped (SIGSTOP) and nobody let it go on
 * - `stalled`: ended by the shell, because it had work and made no progress
 * - `memory_max`: ended by the shell, because it held more memory than it may
 * - `command`: an operator ended it
 * - `replaced`: ended for a new configuration or executable
 * - `unknown`: it ended while no shell ran, or belonged to a shell that is gone, which alone is told the code
 * - `not_started`: the process could not be made; `detail` says why
 */
export const deathCauses = [
  'exit',
  'signal',
  'out_of_memory',
  'unanswering',
  'frozen',
  'stalled',
  'memory_max',
  'command',
  'replaced',
  'unknown',
  'not_started',
] as const;
export type DeathCause = (typeof deathCauses)[number];

export type Death = {
  /** Wall time in milliseconds since 1970. */
  at: number;
  cause: DeathCause;
  code: number | null;
  signal: string | null;
  /** The process. */
  pid: number | undefined;
  uptimeMs: number;
  /** One sentence for people. */
  detail: string;
  /** The last 8 KiB that it wrote on stderr. */
  stderr: string;
};

export type PartReport = {
  /** `payload-<pipe>`, `engine-<view>`, `gateway-<number>`. */
  name: string;
  state: PartState;
  pid: number | undefined;
  /** Wall time of the start of the process, in milliseconds since 1970. */
  startedAt: number | undefined;
  /** How often it was started since this shell began; one that it adopted counts as one. */
  starts: number;
  /** Memory of its own (RssAnon), in bytes. */
  memoryBytes: number | undefined;
  /** When it is started again, in state `backoff`. */
  retryAt: number | undefined;
  /** The latest that was not ordered, or else the latest. */
  lastDeath: Death | undefined;
  /** What the part says of itself, as it answers `/health`. */
  health: unknown;
};

/** A part as whoever has to judge its configuration sees it. */
export type PartLook = Pick<PartReport, 'state' | 'lastDeath' | 'health'> & {
  /** Of what the running process, or the next one, is made from. */
  hash: string;
  /** How often it died by itself since it is made from that. */
  deaths: number;
  /** When it told of its health, on the monotonic clock. */
  healthAt: number | undefined;
};

/** What an operator can have done to a part. */
export type PartCommand = 'restart' | 'kill';
