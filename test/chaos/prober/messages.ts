/** What the runner and the prober, two processes, say to each other. */

export type ProberSettings = {
  url: string;
  key: string;
  /** The part of the storage that nobody changes; its path in the view is `/base`. */
  base: string;
  /** Requests a second. */
  rate: number;
  seed: number;
};

/**
 * - `answer`: not what was asked for: another status, a body that is cut off or says something wrong
 * - `refused`: nobody listened
 * - `reset`: the connection ended before the whole answer was there
 * - `timeout`: no whole answer within 10 s
 */
export type ProblemKind = 'answer' | 'refused' | 'reset' | 'timeout';

export type Problem = {
  /** Wall time in milliseconds. */
  at: number;
  /** In which phase it was asked. */
  phase: number;
  kind: ProblemKind;
  question: string;
  detail: string;
  /** Whether the connection was opened for this request alone. */
  isNew: boolean;
  /** The prober's port; undefined when there was no connection. */
  port: number | undefined;
  /** How the same request went at once afterwards on a new connection. */
  retry: {isOk: boolean; detail: string};
};

/** Requests that were asked while a phase lasted. */
export type PhaseReport = {phase: number; asked: number; answered: number; latencies: Latencies};
/** Milliseconds from when the request was due to its whole answer. */
export type Latencies = {p50: number; p99: number; max: number};
export type ProberReport = {phases: PhaseReport[]; overall: Latencies; onNew: number; onKept: number; skipped: number};

export type ToProber = {type: 'begin'} | {type: 'phase'; phase: number; isKnown: boolean} | {type: 'finish'};
export type FromProber =
  | {type: 'ready'}
  | {type: 'problem'; problem: Problem}
  | {type: 'tick'; asked: number; waiting: number}
  | {type: 'report'; report: ProberReport};
