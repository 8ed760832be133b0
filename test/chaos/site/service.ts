import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, openSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';

export type ServiceSettings = {
  command: string[];
  /** Where its stderr is appended. */
  log: string;
  env?: NodeJS.ProcessEnv;
  /** A listening socket that it gets as descriptor 3, as systemd hands it over. */
  socket?: number;
};

const restartAfterMs = 100;
/** Longer than a shell needs to drain its gateways and then to end its engines. */
const stopTimeoutMs = 30_000;

/** A program that is kept running as systemd does with `Restart=always`, until it is stopped. */
export class Service {
  readonly #settings: ServiceSettings;
  #process: ChildProcess | undefined;
  #isWanted = false;
  /** Wall time of the last start. */
  startedAt = 0;
  /** How it ended each time, the last ones. */
  readonly endings: {code: number | null; signal: string | null}[] = [];

  constructor(settings: ServiceSettings) {
    this.#settings = settings;
  }

  get pid(): number | undefined {
    const running = this.#process;
    return running && running.exitCode === null && running.signalCode === null ? running.pid : undefined;
  }

  start(): void {
    this.#isWanted = true;
    this.#spawn();
  }

  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** From now on it is not started again when it ends. */
  abandon(): void {
    this.#isWanted = false;
  }

  /** SIGTERM; resolves to the exit code, null when it had to be killed. */
  async stop(): Promise<number | null> {
    this.abandon();
    const running = this.#process;
    if (!running || this.pid === undefined) return running?.exitCode ?? null;
    const exited = once(running, 'exit');
    running.kill('SIGTERM');
    await Promise.race([exited, sleep(stopTimeoutMs, undefined, {ref: false})]);
    if (this.pid !== undefined) running.kill('SIGKILL');
    await exited;
    return running.exitCode;
  }

  #spawn(): void {
    const {command, log, env = {}, socket} = this.#settings;
    const stderr = openSync(log, 'a');
    // Only the process itself can tell its number before it becomes the program.
    const script = socket === undefined ? 'exec "$@"' : 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"';
    this.startedAt = Date.now();
    const started = spawn('/bin/sh', ['-c', script, 'sh', ...command], {
      stdio: ['ignore', 'ignore', stderr, ...(socket === undefined ? [] : [socket])],
      env: {...process.env, ...env},
      detached: true, // Ctrl-C is for the runner, which ends it in order
    });
    closeSync(stderr);
    this.#process = started;
    started.once('exit', (code, signal) => {
      this.endings.push({code, signal});
      setTimeout(() => this.#isWanted && this.#spawn(), restartAfterMs);
    });
  }
}
