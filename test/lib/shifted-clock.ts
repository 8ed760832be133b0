import {existsSync, mkdtempSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {TestContext} from 'vitest';

const library = ['x86_64', 'aarch64']
  .map(machine => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find(path => existsSync(path));

/** Why programs cannot be started with a wrong clock here, for a test that is skipped and says so; undefined when they can. */
export const shiftedClocksMissing = library === undefined ? 'libfaketime is not installed' : undefined;
if (shiftedClocksMissing !== undefined) console.warn(`Cases with wrong clocks are skipped: ${shiftedClocksMissing}.`);

/**
 * A wall clock that differs from this machine's, for the programs that are started with `env`. The monotonic clock is left
 * alone, and so are the times of files.
 */
export class ShiftedClock {
  readonly env: NodeJS.ProcessEnv;
  readonly #file: string;

  /** `shift`: `-5` (seconds), `+2h`, `-3d`, `+20y`. */
  constructor({onTestFinished}: Pick<TestContext, 'onTestFinished'>, shift: string) {
    const folder = mkdtempSync(join(tmpdir(), 'fustor-clock-'));
    onTestFinished(() => rmSync(folder, {recursive: true}));
    this.#file = join(folder, 'shift');
    this.set(shift);
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }

  /** Running programs notice within a second. */
  set(shift: string): void {
    writeFileSync(`${this.#file}.new`, `${shift}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
