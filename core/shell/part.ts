import type {RestartLimits} from './restart-policy.ts';
import type {WatchdogLimits} from './watchdog.ts';

/** How a process ended: one of the two is set, or none when nobody can know (it was the child of a shell that is gone). */
export type Exit = {code: number | null; signal: string | null};

/** What a part says of itself at `/health`. */
export type Health = {
  /** `done` grows with every step forward; `pending` is more than 0 while it could make one by itself. */
  work?: {done: number; pending: number} | undefined;
} & Record<string, unknown>;

export type Observation = {
  /** The state of its main thread, a letter of proc(5): `T` is stopped, `D` waits in the kernel. */
  processState: string;
  /** Processor time that it has used, in milliseconds. */
  cpuMs: number;
  /** Memory of its own, without what it maps of files. */
  memoryBytes: number;
  /** Undefined when it did not answer in time. */
  health: Health | undefined;
};

/** A running process. */
export interface Child {
  readonly pid: number;
  /** Wall time of its start, in milliseconds since 1970. */
  readonly startedAt: number;
  readonly exited: Promise<Exit>;
  /** Asks it to end by itself (SIGTERM). */
  terminate(): void;
  /** Ends it (SIGKILL). */
  kill(): void;
  /** Looks at it and asks it; undefined when it is gone. Takes a second or two at most, never rejects. */
  observe(): Promise<Observation | undefined>;
  /** The last 8 KiB of its stderr. */
  lastWords(): string;
}

/** Something that a shell keeps running, as one process at a time. */
export type Part = {
  name: string;
  /** Of its configuration and its executable: a process that was started with another one is replaced. */
  hash: string;
  supervision: Supervision;
  /** Rejects when the process cannot be made. */
  start(): Promise<Child>;
};

/** What holds for a part while it runs and when it has died. May change without its process being replaced. */
export type Supervision = RestartLimits &
  WatchdogLimits & {
    /** How long it may take to end by itself when another one has taken its place; 10 s at most when its shell ends. */
    graceMs: number;
  };

/** A process that an earlier shell started, or this one before it executed itself again. */
export type Survivor = {name: string; hash: string; child: Child};
