import type {Observation} from './part.ts';
import type {DeathCause} from './part-report.ts';

export type WatchdogLimits = {
  memoryBytesMax: number;
  unansweringAfterMs: number;
  stalledAfterMs: number;
};

/** `isHopeless`: it will not end by itself when it is asked to. */
export type Verdict = {cause: DeathCause; detail: string; isHopeless: boolean};

/** Until its first answer a part may open a large store or bring it up to a new format. */
const startingForMs = 300_000;
/** An observation stands for this much time at most: a shell that was itself stopped must not blame its parts. */
const periodMsMax = 3_000;
/** Less of a processor than this, while it wants one, is a busy machine and no fault of the part. */
const starvedBelow = 0.2;

/** Judges one process from what is observed of it: alive is not enough, it must answer, stay small, and get on with its work. */
export class Watchdog {
  #hasAnswered = false;
  #silentMs = 0;
  #stalledMs = 0;
  #done = 0;
  #cpuMs = 0;
  #isBusy = false;
  #isCalm = false;

  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** Whether it answered when it was asked last. */
  get isAnswering(): boolean {
    return this.#hasAnswered && this.#silentMs === 0;
  }

  /** Whether it answered and is far from every limit: then it may be looked at less often. */
  get isCalm(): boolean {
    return this.#isCalm;
  }

  /** `elapsedMs`: since the observation before. Undefined: nothing is wrong. */
  judge(observation: Observation, elapsedMs: number, limits: WatchdogLimits): Verdict | undefined {
    const periodMs = Math.min(elapsedMs, periodMsMax);
    const busy = (observation.cpuMs - this.#cpuMs) / elapsedMs;
    this.#cpuMs = observation.cpuMs;
    this.#isBusy = busy > starvedBelow;
    const isStarved = observation.processState === 'R' && !this.#isBusy;
    if (observation.health) this.#noteAnswer(observation.health.work, periodMs);
    else if (!isStarved) this.#silentMs += periodMs;
    const isSmall = observation.memoryBytes < limits.memoryBytesMax / 2;
    this.#isCalm = this.isAnswering && isSmall && this.#stalledMs < limits.stalledAfterMs / 4;
    return this.#memory(observation, limits) ?? this.#silence(observation, limits) ?? this.#stall(limits);
  }

  #noteAnswer(work: {done: number; pending: number} | undefined, periodMs: number): void {
    this.#hasAnswered = true;
    this.#silentMs = 0;
    const isStalled = work !== undefined && work.pending > 0 && work.done === this.#done;
    this.#stalledMs = isStalled ? this.#stalledMs + periodMs : 0;
    this.#done = work?.done ?? 0;
  }

  #memory({memoryBytes}: Observation, {memoryBytesMax}: WatchdogLimits): Verdict | undefined {
    if (memoryBytes <= memoryBytesMax) return undefined;
    const detail = `It holds ${mebibytes(memoryBytes)} of memory; "memory_max" is ${mebibytes(memoryBytesMax)}.`;
    return {cause: 'memory_max', detail, isHopeless: !this.isAnswering};
  }

  #silence({processState}: Observation, {unansweringAfterMs}: WatchdogLimits): Verdict | undefined {
    const limitMs = this.#hasAnswered || processState === 'T' ? unansweringAfterMs : startingForMs;
    if (this.#silentMs < limitMs) return undefined;
    const forText = `for ${seconds(this.#silentMs)}`;
    if (processState === 'T') {
      return {cause: 'frozen', detail: `It was stopped (SIGSTOP) ${forText}.`, isHopeless: true};
    }
    const waits = processState === 'D' ? 'it waits in the kernel' : 'it waits';
    const doing = this.#isBusy ? 'it computes' : waits;
    return {cause: 'unanswering', detail: `It did not answer its shell ${forText}: ${doing}.`, isHopeless: true};
  }

  #stall({stalledAfterMs}: WatchdogLimits): Verdict | undefined {
    if (this.#stalledMs < stalledAfterMs) return undefined;
    const detail = `It had work and made no progress for ${seconds(this.#stalledMs)}.`;
    return {cause: 'stalled', detail, isHopeless: false};
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
