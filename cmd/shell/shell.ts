import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Log} from '../../core/log/log.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {PartCommand, PartReport} from '../../core/shell/part-report.ts';
import {keepWatchdogCalm, Notifier} from '../systemd/notify.ts';
import {isReplaced, tryReplacement} from './executable.ts';
import {executeAgain} from './execute-again.ts';
import {serveShell} from './shell-server.ts';

/** Set for the shell that takes this one's place: everything is to be started anew. */
const renewVariable = 'FUSTOR_RENEW';

/** What one kind of shell keeps running. */
export interface Parts<Config> {
  /**
   * Makes everything as this says: `isRenewal` also what has not changed. Resolves to undefined, or to what is not so and why.
   * Rejects, and changes nothing, when that cannot be.
   */
  apply(config: Config, how: {isRenewal: boolean}): Promise<string | undefined>;
  report(): PartReport[];
  /** Resolves to what was done; rejects when there is no such part. */
  execute(command: PartCommand, part: string): Promise<string>;
  /** What is known of the configuration besides what became of the one that was read last. */
  nodeReport?(config: ConfigState): object;
  /** What a shell that takes this one's place needs: descriptors to keep open, and variables that name them. */
  legacy?(): {descriptors: number[]; env: Record<string, string>};
  /** Ends all; resolves when they are gone. */
  stop(): Promise<void>;
}

/** How the outside steers a shell; a shell without it is steered by its `signal` alone. */
export type ShellControls<Config> = {
  /** Reads the configuration again. */
  load(): Promise<Config>;
};

/** What became of the last configuration that was read. `at` is wall time in milliseconds. */
export type ConfigState = {state: 'running' | 'refused'; lastFailed: {reason: string; at: number} | undefined};

/**
 * The life of a shell: keeps its parts as the configuration says until `signal` aborts.
 *
 * - SIGHUP: reads the configuration again and replaces what has changed, also the executable. What is invalid changes nothing.
 * - SIGUSR2: replaces everything, one after another.
 *
 * For another executable, and for SIGUSR2, it executes itself again in place: the same process, so whoever supervises it
 * sees nothing, with the parts running on.
 */
export class Shell<Config> {
  readonly #parts: Parts<Config>;
  readonly #log: Log;
  readonly #controls: ShellControls<Config> | undefined;
  readonly #runDirectory: string;
  /** One change after another. */
  #turn: Promise<void> = Promise.resolve();
  #config: ConfigState = {state: 'running', lastFailed: undefined};
  readonly #changed: Signal;
  readonly #notifier = new Notifier();
  readonly #running = new AbortController();
  /** Aborts when this shell is told to stop, or has failed. */
  #stopping: AbortSignal = this.#running.signal;

  /** `changed` is raised when the state of the configuration changes. */
  constructor(
    parts: Parts<Config>,
    {
      log,
      controls,
      runDirectory,
      changed = new Signal(),
    }: {log: Log; controls: ShellControls<Config> | undefined; runDirectory: string; changed?: Signal},
  ) {
    this.#parts = parts;
    this.#changed = changed;
    this.#runDirectory = runDirectory;
    this.#log = log;
    this.#controls = controls;
  }

  get config(): ConfigState {
    return this.#config;
  }

  /** As SIGHUP does. Resolves when all is as the configuration says; rejects with why it is not. */
  async reload(): Promise<void> {
    const controls = this.#controls;
    if (!controls) throw new Error('This shell has no configuration that could be read again.');
    await this.#next(() => this.#change(controls, {isRenewal: false}));
    const {state, lastFailed} = this.#config;
    if (state === 'refused') throw new Error(lastFailed?.reason ?? 'The configuration is not used.');
  }

  /** Rejects when the first configuration cannot be applied. `onReady` is called when it has been. */
  async run(config: Config, signal: AbortSignal, onReady: () => void = () => {}): Promise<void> {
    const {signal: running} = this.#running;
    this.#stopping = AbortSignal.any([signal, running]);
    keepWatchdogCalm(this.#notifier, running);
    const isRenewal = process.env[renewVariable] !== undefined;
    delete process.env[renewVariable];
    const controls = this.#controls;
    const onReload = () => this.#next(() => this.#change(controls!, {isRenewal: false}));
    const onRenew = () => this.#next(() => this.#change(controls!, {isRenewal: true}));
    if (controls) process.on('SIGHUP', onReload).on('SIGUSR2', onRenew);
    const {report, execute} = this.#parts;
    const server = await serveShell(this.#runDirectory, {
      report: report.bind(this.#parts),
      execute: execute.bind(this.#parts),
      config: () => ({...this.#config, ...this.#parts.nodeReport?.(this.#config)}),
    });
    try {
      this.#note(await this.#parts.apply(config, {isRenewal}));
      this.#notifier.ready();
      onReady();
      await new Promise<void>(resolve => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), {once: true});
      });
      this.#notifier.stopping();
      const turn = this.#turn;
      await this.#parts.stop();
      await turn;
    } finally {
      this.#running.abort();
      process.off('SIGHUP', onReload).off('SIGUSR2', onRenew);
      server.close();
      server.closeAllConnections();
    }
  }

  #next(change: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (!this.#stopping.aborted) await change();
    });
    return this.#turn;
  }

  async #change(controls: ShellControls<Config>, {isRenewal}: {isRenewal: boolean}): Promise<void> {
    this.#notifier.reloading();
    try {
      const config = await controls.load();
      const hasNewExecutable = isReplaced();
      this.#log.info({hasNewExecutable, isRenewal}, 'reloads');
      if (hasNewExecutable) await tryReplacement();
      // All that takes its time: whoever was told to stop meanwhile has ended its parts, and begins nothing.
      if (this.#stopping.aborted) return;
      if (hasNewExecutable || isRenewal) return await this.#executeAgain(isRenewal);
      this.#note(await this.#parts.apply(config, {isRenewal}));
    } catch (error) {
      if (!(error instanceof FustorError)) {
        this.#log.error({error: error instanceof Error ? error.stack : String(error)}, 'the reload failed');
      }
      this.#note(error instanceof Error ? error.message : String(error));
    }
    this.#notifier.ready();
  }

  /** Resolves only when this shell was told to stop meanwhile. */
  async #executeAgain(isRenewal: boolean): Promise<void> {
    const {descriptors = [], env = {}} = this.#parts.legacy?.() ?? {};
    this.#log.info({}, 'executes itself again');
    await executeAgain({keep: descriptors, env: {...env, ...(isRenewal && {[renewVariable]: '1'})}});
  }

  #note(reason: string | undefined): void {
    if (reason === undefined) {
      this.#config = {...this.#config, state: 'running'};
    } else {
      this.#log.error({reason}, 'the configuration is not used; the earlier one goes on');
      this.#config = {state: 'refused', lastFailed: {reason, at: Date.now()}};
    }
    this.#changed.raise();
  }
}
