import {type ErrorCode, errorCodes} from '../../core/errors/codes.ts';

/** What scripts can rely on. Shown by every `--help`. */
export const exitCodesHelp = `Exit codes:
  0  done
  1  not as asked for: no such path, not complete, unhealthy
  2  wrong command line, parameter or contexts file
  3  the server cannot be reached
  4  the key is missing, unknown or not allowed to do this
  5  conflict with another change
  6  no answer in time
  70 a bug in fustorctl`;

/** The exit code for an error; `status` decides where a newer server sends a code that this program does not know. */
export function exitCodeOf(code: string, status?: number): number {
  if (code === 'CONFIG_INVALID') return 2;
  if (isErrorCode(code)) return errorCodes[code].exit;
  switch (status) {
    case undefined:
      return errorCodes.INTERNAL.exit;
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
    default:
      return status >= 400 && status < 500 ? 2 : 1;
  }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}
