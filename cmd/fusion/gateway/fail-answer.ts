import type {ServerResponse} from 'node:http';
import type {Log} from '../../../core/log/log.ts';
import type {Key} from '../../http/keys.ts';
import {breakOff} from './break-off.ts';
import {whoseAnswer} from './whose-answer.ts';

/** Ends an answer that failed when it had begun: it is too late for another status, and no client may take it for whole. */
export function failAnswer(
  answer: ServerResponse,
  error: unknown,
  {log, ...whose}: {log: Log; view: string | undefined; key: Key},
): void {
  const stack = error instanceof Error ? error.stack : String(error);
  log.error({...whoseAnswer(answer, whose), error: stack}, 'an answer broke off');
  breakOff(answer);
}
