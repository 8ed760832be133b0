import {type ChildProcess, fork} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {until} from '../../lib/until.ts';
import type {FromWriter, ToWriter, WriterSettings} from './main.ts';

/** The runner's side of the process that changes the storage. It begins paused. */
export class Writer {
  changes = 0;
  readonly #process: ChildProcess;
  #isPaused = true;

  constructor(settings: WriterSettings) {
    this.#process = fork(join(import.meta.dirname, 'main.ts'), [JSON.stringify(settings)], {detached: true});
    this.#process.on('message', ({isPaused, changes}: FromWriter) => {
      this.#isPaused = isPaused;
      this.changes = changes;
    });
  }

  async resume(): Promise<void> {
    await this.#ask('resume');
  }

  /** Resolves when nothing is changed any more. */
  async pause(): Promise<void> {
    await this.#ask('pause');
  }

  /** Resolves when its process is gone. */
  async end(): Promise<void> {
    const {exitCode, signalCode} = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  async #ask(what: ToWriter): Promise<void> {
    this.#process.send(what);
    await until(() => this.#isPaused === (what === 'pause'), {what: `the writer to ${what}`});
  }
}
