import type {Log} from '../log/log.ts';
import {Signal} from '../pipe/signal.ts';
import type {Clock} from '../time/clock.ts';
import type {Child, Exit, Part, Survivor} from './part.ts';
import type {Death, DeathCause, PartCommand, PartLook, PartReport, PartState} from './part-report.ts';
import {RestartPolicy} from './restart-policy.ts';
import {Watchdog} from './watchdog.ts';

/** `changed` is raised whenever `report` says something else. */
export type SupervisorParts = {clock: Clock; random: () => number; log: Log; changed: Signal};

/** Why a process is to end. */
type Ending = {cause: DeathCause; detail: string; isHopeless: boolean};

/** How long a part may take to end by itself when nobody has time to wait. */
const shortGraceMs = 10_000;
/** How often a process is looked at. That it has ended is heard at once; looks are for what else may be wrong. */
const observeMs = {starting: 100, running: 2_000, calm: 5_000};
const heapExhausted = /heap out of memory|Reached heap limit/;

/**
 * Keeps one part running. A process that dies, does not answer, is frozen, makes no progress or grows too large is replaced
 * after a pause; one that dies too often is left alone until somebody changes something: an operator, a new configuration, a
 * new executable.
 *
 * 1. There is one process at a time: the next one starts when the one before is gone.
 * 2. What an operator or a new configuration asks for waits for no pause and counts as no death.
 */
export class Supervisor {
  #part: Part;
  readonly #parts: SupervisorParts;
  readonly #policy = new RestartPolicy();
  readonly #wake = new Signal();
  #survivor: Survivor | undefined;
  #state: PartState = 'starting';
  #child: Child | undefined;
  /** What the running process was started with. */
  #hash: string | undefined;
  #starts = 0;
  /** By itself, with what it is made from now. */
  #deaths = 0;
  #retryAt: number | undefined;
  #lastDeath: Death | undefined;
  #memoryBytes: number | undefined;
  #health: unknown;
  #healthAt: number | undefined;
  #order: Ending | undefined;
  #isHurried = false;

  constructor(part: Part, parts: SupervisorParts, survivor?: Survivor) {
    this.#part = part;
    this.#parts = parts;
    this.#survivor = survivor;
    this.#starts = survivor ? 1 : 0;
  }

  get name(): string {
    return this.#part.name;
  }

  get state(): PartState {
    return this.#state;
  }

  /** What the running process, or the next one, was made from. */
  get hash(): string {
    return this.#hash ?? this.#part.hash;
  }

  report(): PartReport {
    return {
      name: this.#part.name,
      state: this.#state,
      pid: this.#child?.pid,
      startedAt: this.#child?.startedAt,
      starts: this.#starts,
      memoryBytes: this.#memoryBytes,
      retryAt: this.#retryAt,
      lastDeath: this.#lastDeath,
      health: this.#health,
    };
  }

  /** How what it is made from does. */
  look(): PartLook {
    const {hash} = this;
    const told = {health: this.#health, healthAt: this.#healthAt};
    return {hash, state: this.#state, deaths: this.#deaths, lastDeath: this.#lastDeath, ...told};
  }

  /** Resolves when `signal` aborts and the process has ended; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake.raise(), {once: true});
    while (!signal.aborted) {
      const child = this.#adopt() ?? (await this.#start());
      const death = child instanceof Error ? this.#notStarted(child) : await this.#attend(child, signal);
      if (!signal.aborted) await this.#afterDeath(death, signal);
    }
    this.#become('stopped');
  }

  /** Resolves, when it is done, to a sentence that tells what was done. Rejects when this part is being ended for good. */
  async execute(command: PartCommand): Promise<string> {
    const before = this.report();
    const detail = command === 'kill' ? 'An operator had it killed.' : 'An operator had it restarted.';
    this.#orderEnd({cause: 'command', detail, isHopeless: command === 'kill'});
    const {changed} = this.#parts;
    const never = new AbortController().signal;
    for (;;) {
      const seen = changed.count;
      const {starts, pid} = this.report();
      if (this.#state === 'stopped') throw new Error(`${this.name} is not wanted any more.`);
      if (starts > before.starts && pid !== undefined) {
        const was =
          before.pid === undefined ? `It was not running (${before.state})` : `Process ${before.pid} was ended`;
        return `${was}; process ${pid} was started.`;
      }
      await changed.wait(never, seen);
    }
  }

  /** From now on as this part says. A process that was made from something else is replaced; a quarantine ends. */
  replace(part: Part): void {
    const isSame = part.hash === this.hash;
    this.#part = part;
    if (isSame) return;
    this.#deaths = 0;
    this.#orderEnd({cause: 'replaced', detail: 'It has a new configuration or executable.', isHopeless: false});
  }

  /** The shell ends: whoever is asked to end already gets no more than a short grace from now on. */
  hurry(): void {
    this.#isHurried = true;
    this.#wake.raise();
  }

  /** Replaces the process though nothing has changed. */
  renew(): void {
    this.#orderEnd({cause: 'replaced', detail: 'Everything is started anew.', isHopeless: false});
  }

  #orderEnd(order: Ending): void {
    this.#policy.forget();
    if (!(this.#order?.isHopeless && this.#child)) this.#order = order;
    this.#wake.raise();
  }

  #adopt(): Child | undefined {
    const survivor = this.#survivor;
    if (!survivor) return undefined;
    this.#survivor = undefined;
    const {child, hash} = survivor;
    this.#hash = hash;
    this.#parts.log.info({part: this.name, child: child.pid}, 'adopted');
    this.replace(this.#part);
    return child;
  }

  async #start(): Promise<Child | Error> {
    this.#order = undefined; // what comes now is as new as it can be
    const part = this.#part;
    try {
      const child = await part.start();
      this.#hash = part.hash;
      this.#starts++;
      this.#parts.log.debug({part: part.name, child: child.pid}, 'started');
      return child;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  // ── While it runs

  async #attend(child: Child, signal: AbortSignal): Promise<Death> {
    const {clock, log} = this.#parts;
    const watchdog = new Watchdog();
    const startedAt = clock.monotonic() - Math.max(0, clock.now() - child.startedAt);
    const gone = new AbortController();
    let exit: Exit = {code: null, signal: null};
    const exited = child.exited.then(how => {
      exit = how;
      gone.abort('gone');
      this.#wake.raise();
    });
    this.#child = child;
    this.#retryAt = undefined;
    this.#become('starting');

    let ending: Ending | undefined;
    let killAt = Number.POSITIVE_INFINITY;
    let hurriedAt: number | undefined;
    let observedAt = clock.monotonic();
    while (!gone.signal.aborted) {
      const seen = this.#wake.count;
      const wanted = signal.aborted ? stopping : this.#order;
      // Who asks for a kill does not wait for the grace of an earlier, kinder request.
      if (wanted && (!ending || (wanted.isHopeless && !ending.isHopeless))) {
        ending = wanted;
        killAt = this.#end(child, wanted, watchdog);
      }
      if (this.#isHurried && ending && Number.isFinite(killAt)) {
        hurriedAt ??= clock.monotonic();
        killAt = Math.min(killAt, hurriedAt + shortGraceMs);
      }
      if (clock.monotonic() >= killAt) {
        log.warn({part: this.name, child: child.pid}, 'a part did not end in time and is killed');
        child.kill();
        killAt = Number.POSITIVE_INFINITY;
      }
      const dueMs = ending
        ? Math.max(0, killAt - clock.monotonic())
        : observeMs[paceOf(watchdog)] - (clock.monotonic() - observedAt);
      if (dueMs > 0) {
        const limit = Number.isFinite(dueMs) ? {limit: {clock, ms: dueMs}} : {};
        await this.#wake.wait(gone.signal, seen, limit.limit);
        continue;
      }
      if (ending) continue;
      const observation = await Promise.race([child.observe(), exited]);
      const elapsedMs = clock.monotonic() - observedAt;
      observedAt = clock.monotonic();
      if (!observation) continue;
      this.#memoryBytes = observation.memoryBytes;
      if (observation.health !== undefined) {
        this.#health = observation.health;
        this.#healthAt = observedAt;
      }
      const verdict = watchdog.judge(observation, elapsedMs, this.#part.supervision);
      if (watchdog.hasAnswered && this.#state === 'starting') this.#become('running');
      if (!verdict) continue;
      log.error({part: this.name, child: child.pid, ...verdict}, 'a part is ended');
      ending = verdict;
      killAt = this.#end(child, verdict, watchdog);
    }
    this.#child = undefined;
    this.#hash = undefined;
    this.#memoryBytes = undefined;
    const uptimeMs = Math.round(clock.monotonic() - startedAt);
    return this.#deathOf(child, {exit, ending, uptimeMs});
  }

  /** Returns when to kill it. One that does not answer any more does not hear either; one that is starting still may. */
  #end(child: Child, {isHopeless}: Ending, watchdog: Watchdog): number {
    this.#become('stopping');
    if (isHopeless || (watchdog.hasAnswered && !watchdog.isAnswering)) {
      child.kill();
      return Number.POSITIVE_INFINITY;
    }
    child.terminate();
    return this.#parts.clock.monotonic() + this.#part.supervision.graceMs;
  }

  // ── When it is gone

  #deathOf(child: Child, {exit, ending, uptimeMs}: {exit: Exit; ending: Ending | undefined; uptimeMs: number}): Death {
    const stderr = child.lastWords();
    const at = this.#parts.clock.now();
    return {at, ...exit, pid: child.pid, uptimeMs, stderr, ...(ending ? told(ending) : byItself(exit, stderr))};
  }

  #notStarted(error: Error): Death {
    const {clock} = this.#parts;
    const detail = `It could not be started: ${error.message}`;
    const nothing = {code: null, signal: null, pid: undefined, uptimeMs: 0, stderr: ''};
    return {at: clock.now(), cause: 'not_started', ...nothing, detail};
  }

  async #afterDeath(death: Death, signal: AbortSignal): Promise<void> {
    const {clock, random, log} = this.#parts;
    const {stderr: _, ...told} = death;
    this.#health = undefined;
    this.#healthAt = undefined;
    if (isOrdered(death) || this.#order) {
      // What an operator wants to know is why it died, not that somebody restarted it since.
      if (!this.#lastDeath || isOrdered(this.#lastDeath)) this.#lastDeath = death;
      log.info({part: this.name, ...told}, 'a part ended as it was asked to and is started again');
      return;
    }
    this.#lastDeath = death;
    this.#deaths++;
    const pauseMs = this.#policy.pauseAfter(
      {at: clock.monotonic(), uptimeMs: death.uptimeMs, random: random()},
      this.#part.supervision,
    );
    if (pauseMs === undefined) log.error({part: this.name, ...told}, 'a part died too often and is not started again');
    else log.error({part: this.name, ...told, pauseMs}, 'a part died and is started again');
    this.#retryAt = pauseMs === undefined ? undefined : clock.now() + pauseMs;
    this.#become(pauseMs === undefined ? 'quarantined' : 'backoff');
    const until = clock.monotonic() + (pauseMs ?? Number.POSITIVE_INFINITY);
    while (!signal.aborted && !this.#order && clock.monotonic() < until) {
      const seen = this.#wake.count;
      const ms = until - clock.monotonic();
      await this.#wake.wait(signal, seen, Number.isFinite(ms) ? {clock, ms} : undefined);
    }
  }

  #become(state: PartState): void {
    this.#state = state;
    this.#parts.changed.raise();
  }
}

const stopping: Ending = {cause: 'replaced', detail: 'Its shell stops.', isHopeless: false};

function paceOf({hasAnswered, isCalm}: Watchdog): keyof typeof observeMs {
  if (!hasAnswered) return 'starting';
  return isCalm ? 'calm' : 'running';
}

function isOrdered({cause}: Death): boolean {
  return cause === 'command' || cause === 'replaced';
}

function told({cause, detail}: Ending): {cause: DeathCause; detail: string} {
  return {cause, detail};
}

function byItself({code, signal}: Exit, stderr: string): {cause: DeathCause; detail: string} {
  if (code === null && signal === null) {
    return {cause: 'unknown', detail: 'It ended, and its code went to a shell that is gone.'};
  }
  if (heapExhausted.test(stderr)) return {cause: 'out_of_memory', detail: 'It ran out of heap memory.'};
  if (signal === null) return {cause: 'exit', detail: `It ended with exit code ${code}.`};
  const perhaps = signal === 'SIGKILL' ? ', not by its shell: by somebody, or by the kernel for want of memory' : '';
  return {cause: 'signal', detail: `It was ended by ${signal}${perhaps}.`};
}
