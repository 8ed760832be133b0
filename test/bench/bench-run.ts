import {type ChildProcess, fork} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {say} from './elapsed.ts';
import {killMarked, markVariable} from './leftovers.ts';
import type {Row} from './rows.ts';
import {unmountBelow} from './scratch-disk.ts';
import type {StageSettings} from './stage.ts';

/** `left` are the processes that the groups left behind; they are gone now. */
export type Ended = {rows: Row[]; exitCode: number; left: string[]};

/**
 * The groups, in a process of their own: whatever happens to it or in it (they make trees and run programs without a turn in
 * between), the figures so far are here, and all that it started and wrote ends with it.
 */
export class BenchRun {
  readonly #folder = mkdtempSync(join(tmpdir(), 'fustor-bench-'));
  readonly #rows: Row[] = [];
  readonly #child: ChildProcess;
  #stopSignal: NodeJS.Signals | undefined;

  constructor(groups: string[], settings: StageSettings) {
    this.#child = fork(join(import.meta.dirname, 'run-groups.ts'), [JSON.stringify({groups, settings})], {
      detached: true, // Ctrl-C is for the parent, which knows what to do
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: {
        ...{...process.env, TMPDIR: this.#folder, [markVariable]: this.#folder},
        FUSTOR_BENCH_STARTED_AT: String(Date.now()),
      },
    });
    this.#child.on('message', row => this.#rows.push(row as Row));
  }

  stop(signal: NodeJS.Signals): void {
    this.#stopSignal ??= signal;
    this.#child.kill('SIGKILL');
  }

  async ended(): Promise<Ended> {
    const [code, signal] = await once(this.#child, 'close');
    const left = killMarked(this.#folder);
    if (this.#stopSignal !== undefined) say(`${this.#stopSignal}: removing ${this.#folder}`);
    unmountBelow(this.#folder);
    rmSync(this.#folder, {recursive: true, force: true});
    if (this.#stopSignal !== undefined) return {rows: this.#rows, exitCode: 130, left: []};
    if (signal !== null) say(`The process of the groups was killed by ${signal}.`);
    return {rows: this.#rows, exitCode: code ?? 1, left};
  }
}
