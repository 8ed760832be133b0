import type {StoredJob} from '../view/jobs.ts';
import {nameFields} from './json-values.ts';
import {isoTime} from './meta.ts';

export type JobAnswer = ReturnType<typeof jobAnswer>;

/** A job as the API tells it. */
export function jobAnswer(job: StoredJob) {
  const {directories, entries, unchanged} = job.progress;
  return {
    id: job.id,
    source: job.source,
    ...nameFields('path', job.path),
    recursive: job.isRecursive,
    state: job.state,
    requested_by: job.requestedBy ?? null,
    requested_at: isoTime(job.requestedAt),
    started_at: isoTime(job.startedAt),
    ended_at: isoTime(job.endedAt),
    agent: job.agent ?? null,
    session: job.session ?? null,
    progress: {directories, entries, ...(unchanged !== undefined && {unchanged})},
    reason: job.reason ?? null,
  };
}
