import type {Log} from '../log/log.ts';
import {type Backoff, backoffMs} from '../pipe/backoff.ts';
import {Signal} from '../pipe/signal.ts';
import type {PartReport} from '../shell/part-report.ts';
import type {Clock} from '../time/clock.ts';
import type {
  Acknowledgement,
  CommandData,
  ConfigReport,
  ControlHeartbeat,
  ControlHeartbeatAnswer,
  NodeKind,
  PendingCommand,
  ShellReport,
} from './protocol.ts';
import {reportedPart} from './reported-part.ts';

/** The way to the controller. */
export interface ControlChannel {
  /** Two at a time at most. Rejects with FustorError when no answer of a controller came in time; `wait_ms` may pass before. */
  heartbeat(request: ControlHeartbeat, signal: AbortSignal): Promise<ControlHeartbeatAnswer>;
}

/** A shell as its controller sees it. */
export type Controlled = {
  report(): PartReport[];
  config(): ConfigReport;
  /** Of a fusion: how its views are. */
  views?(): Record<string, unknown>[];
  /** Called with the signature of the manifest that the controller has for this node. */
  onDesired?(signature: string | undefined): void;
  /** One of these is raised when either says something else. */
  changed: readonly Signal[];
  /** Resolves to what was done; rejects with why it was not. Those of several parts overlap. */
  execute(order: NodeOrder): Promise<CommandEnd>;
};

/** A command to a node's shell, or to one of its parts. */
export type NodeOrder = Pick<PendingCommand, 'part' | 'command' | 'arguments'>;
/** `message` is one sentence. */
export type CommandEnd = {message: string; data?: CommandData | undefined};

export type ControlLoopSettings = {
  /** Of the node. */
  agentId: string;
  /** `agent` when it is not said. */
  kind?: NodeKind;
  /** New with each start of the shell. */
  instance: string;
  shell: ShellReport;
};

export type ControlLoopParts = Controlled & {channel: ControlChannel; clock: Clock; random: () => number; log: Log};

/** Also how fresh the memory and the health of parts are, which are no reason for a heartbeat of their own. */
const waitMs = 30_000;
/** What changes within this time is told together, and a part that flaps is not told more often. */
const gatherMs = 200;
/**
 * Full jitter, from the first attempt on and also at the cap: those who lost one controller together come back one by one,
 * after half a second to two, then to four.
 */
const retry: Backoff = {minMs: 1_000, maxMs: 60_000};
const quietFailureMs = 3_000;
const rememberedMax = 1_000;
const messageMax = 4_096;

/**
 * A shell's side of the control plane: one heartbeat is always under way, held by the controller until there is a command. A
 * change is told at once, in a heartbeat beside the held one, which then is answered.
 *
 * 1. A command takes effect at most once: what was executed is remembered, and only acknowledged when it is told again.
 * 2. A controller that is away, slow or mad costs retries and log lines, nothing else.
 */
export class ControlLoop {
  readonly #settings: ControlLoopSettings;
  readonly #parts: ControlLoopParts;
  /** Commands that were told here, oldest first, with how they ended. */
  readonly #commands = new Map<string, Acknowledgement | undefined>();
  /** Ended, and the controller has not answered since. */
  readonly #unconfirmed = new Set<string>();
  /** Raised when a command ends. */
  readonly #ended = new Signal();
  #sequence = 0;
  #failingSince: number | undefined;
  /** What was warned of last, while it lasts. */
  #warnedOf: string | undefined;

  constructor(settings: ControlLoopSettings, parts: ControlLoopParts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  /** Resolves when `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const {clock} = this.#parts;
    let attempt = 0;
    let earlier: Promise<unknown> | undefined;
    while (!signal.aborted) {
      const change = this.#nextChange(signal);
      const current = this.#beat(signal);
      const outcome = await Promise.race([current, change.came]);
      if (outcome === 'changed') {
        await clock.sleep(gatherMs, signal);
        // It was answered when the one after it came; while it was not, there is nobody who would hear of a third.
        await earlier;
        earlier = current;
        continue;
      }
      attempt = outcome === 'fine' ? 0 : attempt + 1;
      if (outcome !== 'fine')
        await this.#pause(attempt, {until: outcome === 'early' ? change.came : undefined, signal});
      change.forget();
    }
    await earlier;
  }

  /** `early`: nothing was told, and it was not held; one that never holds must not be asked all the time. */
  async #beat(signal: AbortSignal): Promise<'fine' | 'early' | 'failed'> {
    const {channel, clock, onDesired} = this.#parts;
    const askedAt = clock.monotonic();
    try {
      const request = this.#request();
      const {commands, held_ms, desired} = await channel.heartbeat(request, signal);
      this.#noteAnswer();
      onDesired?.(desired);
      for (const {id} of request.acknowledgements) this.#unconfirmed.delete(id);
      const tookMs = clock.monotonic() - askedAt;
      for (const command of commands) this.#take(command, tookMs - held_ms);
      return commands.length > 0 || tookMs >= waitMs ? 'fine' : 'early';
    } catch (error) {
      if (!signal.aborted) this.#noteFailure(error);
      return 'failed';
    }
  }

  #request(): ControlHeartbeat {
    const {agentId, kind, instance, shell} = this.#settings;
    const {report, config, views, clock} = this.#parts;
    const nowMs = clock.now();
    const ended = [...this.#unconfirmed].map(id => this.#commands.get(id)!);
    const running = [...this.#commands].flatMap(([id, end]) => (end ? [] : [id]));
    return {
      agent_id: agentId,
      ...(kind && {kind}),
      instance,
      sequence: ++this.#sequence,
      shell,
      config: config(),
      parts: report().map(part => reportedPart(part, nowMs)),
      ...(views && {views: views()}),
      acknowledgements: ended,
      known_commands: running,
      wait_ms: waitMs,
    };
  }

  #take({id, deadline_ms, ...order}: PendingCommand, ageMs: number): void {
    const known = this.#commands.has(id);
    if (known && this.#commands.get(id)) this.#acknowledge(this.#commands.get(id)!);
    if (known) return;
    this.#commands.set(id, undefined);
    if (ageMs >= deadline_ms) {
      const message = `It was ${Math.round(ageMs)} ms on its way, longer than it had time.`;
      this.#acknowledge({id, outcome: 'expired', message});
    } else {
      void this.#execute(id, order);
    }
  }

  async #execute(id: string, order: NodeOrder): Promise<void> {
    const {execute, log} = this.#parts;
    const {command, part} = order;
    log.info({command: id, order: command, part}, 'a command of the controller');
    try {
      const {message, data} = await execute(order);
      this.#acknowledge({id, outcome: 'done', message: message.slice(0, messageMax), ...(data && {data})});
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      log.warn({command: id, order: command, part, error: message}, 'a command failed');
      this.#acknowledge({id, outcome: 'failed', message: message.slice(0, messageMax)});
    }
  }

  #acknowledge(end: Acknowledgement): void {
    this.#commands.set(end.id, end);
    this.#unconfirmed.add(end.id);
    for (const [id, known] of this.#commands) {
      if (this.#commands.size <= rememberedMax) break;
      if (known && !this.#unconfirmed.has(id)) this.#commands.delete(id);
    }
    this.#ended.raise();
  }

  /** What is to be told from now on. Forget it when it is waited for no more. */
  #nextChange(signal: AbortSignal): {came: Promise<'changed'>; forget: () => void} {
    const {changed} = this.#parts;
    const forgotten = new AbortController();
    const until = AbortSignal.any([signal, forgotten.signal]);
    const waits = [...changed, this.#ended].map(one => one.wait(until, one.count));
    const came = Promise.race(waits).then(() => {
      forgotten.abort();
      return 'changed' as const;
    });
    return {came, forget: () => forgotten.abort()};
  }

  async #pause(
    attempt: number,
    {until, signal}: {until: Promise<unknown> | undefined; signal: AbortSignal},
  ): Promise<void> {
    const {clock, random} = this.#parts;
    const over = new AbortController();
    const slept = clock.sleep(backoffMs(retry, attempt, random()), AbortSignal.any([signal, over.signal]));
    await Promise.race([slept, ...(until ? [until] : [])]);
    over.abort();
  }

  #noteAnswer(): void {
    if (this.#warnedOf !== undefined) this.#parts.log.info({}, 'the controller answers again');
    this.#warnedOf = undefined;
    this.#failingSince = undefined;
  }

  /** A controller that is restarted is not worth a warning; one that stays away is, once. */
  #noteFailure(error: unknown): void {
    const {clock, log} = this.#parts;
    const message = error instanceof Error ? error.message : String(error);
    this.#failingSince ??= clock.monotonic();
    if (clock.monotonic() - this.#failingSince < quietFailureMs || message === this.#warnedOf) return;
    this.#warnedOf = message;
    log.warn({error: message}, 'the controller cannot be reached; everything goes on without it');
  }
}
