import {toBytes} from '../../../core/entry/byte-string.ts';
import type {Path} from '../../../core/entry/path.ts';
import {type ErrorCode, errorCodes} from '../../../core/errors/codes.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {JobAnswer} from '../../../core/query/job-answer.ts';
import type {ScanRequestBody} from '../engine-protocol.ts';
import {askEngine} from './ask-engine.ts';
import type {View} from './views.ts';

export type ScanOrder = {path: Path; isRecursive: boolean; key: string; timeoutMs: number};

/** Has the view's engine make a job of a scan. Throws ENGINE_UNAVAILABLE or TOO_MANY_JOBS. */
export async function orderScan(
  view: View,
  {path, isRecursive, key, timeoutMs}: ScanOrder,
): Promise<{job: JobAnswer; isNew: boolean}> {
  const body: ScanRequestBody = {path: toBytes(path).toString('base64url'), recursive: isRecursive};
  const answer = await askEngine(view, {
    method: 'POST',
    path: '/scans',
    key,
    body: Buffer.from(JSON.stringify(body)),
    timeoutMs,
  });
  const {data, error} = JSON.parse(answer.body.toString()) as {data?: JobAnswer; error?: EngineError};
  if (data) return {job: data, isNew: answer.status === 202};
  const code = error && error.code in errorCodes ? (error.code as ErrorCode) : 'INTERNAL';
  throw new FustorError(code, error?.message ?? `The engine answered with the status ${answer.status}.`, {
    ...(error?.hint !== undefined && {hint: error.hint}),
  });
}

type EngineError = {code: string; message: string; hint?: string};
