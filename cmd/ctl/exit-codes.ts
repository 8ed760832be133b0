import {type ErrorCode, errorCodes} from '../../core/errors/codes.ts';

/** What scripts can rely on. Shown by every `--help`. */
export const exitCodesHelp = `Exit codes:
  0  done; the same; healthy
  1  differs, unhealthy, failed, or no such thing
  2  wrong command line, parameter or configuration
  3  the server cannot be reached
  4  the key is missing, unknown or not allowed to do this
  5  conflict with another change
  6  no answer, or not what was waited for, in time
  70 a bug in fustorctl`;

/** The exit code for an error; `status` decides where a newer server sends a code that this program does not know. */
export function exitCodeOf(code: string, status?: number): number {
  if (isErrorCode(code)) {
    const {exit, status: ownStatus} = errorCodes[code];
    return exit <= exitMax ? exit : ofStatus(ownStatus);
  }
  return status === undefined ? bugExit : ofStatus(status);
}

/** Above are the codes of programs that cannot start, which only mean something there. */
const exitMax = 6;

/** Of an error that nobody expected. */
export const bugExit = 70;

function ofStatus(status: number): number {
  switch (status) {
    case 401:
    case 403:
      return 4;
    case 409:
      return 5;
    case 408:
    case 504:
      return 6;
    case 502:
    case 503:
      return 3;
    case 404:
    case 422:
      return 1;
    default:
      return status >= 400 && status < 500 ? 2 : 1;
  }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}
