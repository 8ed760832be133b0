import type {ErrorAnswer} from './api.ts';
import {exitCodeOf} from './exit-codes.ts';
import {syncText} from './meta-notices.ts';

/** An error that the server itself explained. `body` is its answer, passed on whole where JSON is wanted. */
export class AnswerError extends Error {
  readonly status: number;
  readonly body: ErrorAnswer;

  constructor(status: number, body: ErrorAnswer) {
    super(body.error.message);
    this.name = 'AnswerError';
    this.status = status;
    this.body = body;
  }

  get exitCode(): number {
    return exitCodeOf(this.body.error.code, this.status);
  }

  /** For a path that is not known, whether that means that it does not exist. */
  get hint(): string | undefined {
    const {error, meta} = this.body;
    if (error.code !== 'PATH_NOT_FOUND' || meta?.complete === undefined) return error.hint;
    return meta.complete
      ? 'It does not exist: everything there has been seen.'
      : `It may exist: not everything there has been seen yet (${syncText(meta)}).`;
  }
}
