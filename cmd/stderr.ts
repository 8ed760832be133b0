import {writeSync} from 'node:fs';
import {systemErrorCode} from '../core/errors/fustor-error.ts';

const attemptsMax = 1_000;

/**
 * Standard error, written at once and without an exception: a full disk under a log, or a reader that is gone, must end nobody.
 * What cannot be written is lost. (`process.stderr` ends the process then, and may keep what a process that dies wrote last.)
 */
export const stderr = {
  write(text: string | Uint8Array): void {
    let left = Buffer.from(text);
    for (let attempt = 0; left.byteLength > 0 && attempt < attemptsMax; attempt++) {
      try {
        left = left.subarray(writeSync(2, left));
      } catch (error) {
        if (systemErrorCode(error) !== 'EAGAIN') return;
      }
    }
  },
};
