import {type ErrorCode, errorCodes} from './codes.ts';

export type FustorErrorOptions = {
  /** What to do about it, one sentence in the imperative. */
  hint?: string;
  /** What lies behind it. */
  cause?: unknown;
  /** Machine-readable facts, sent with the JSON error. */
  details?: Record<string, unknown>;
  /** When it is worth to try again, as who answered said: not before this has passed. */
  retryAfterMs?: number | undefined;
};

/** An error that its caller may expect. The message says what was tried, what was found and what was wanted. */
export class FustorError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: FustorErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause});
    this.name = 'FustorError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
  }

  get status(): number {
    return errorCodes[this.code].status;
  }

  get exitCode(): number {
    return errorCodes[this.code].exit;
  }

  /** The body of an HTTP answer: `{"error": {"code", "message", "hint", "details"}}`. */
  toBody(): {error: {code: ErrorCode; message: string; hint?: string; details?: Record<string, unknown>}} {
    return {
      error: {
        code: this.code,
        message: this.message,
        ...(this.hint === undefined ? {} : {hint: this.hint}),
        ...(this.details === undefined ? {} : {details: this.details}),
      },
    };
  }
}

/** The code of a system error (`ENOENT`, `EADDRINUSE` …), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
