import {z} from '@hono/zod-openapi';
import {rootPath} from '../../../../core/entry/path.ts';
import {isoTime, readMeta} from '../../../../core/query/meta.ts';
import {resolve} from '../../../../core/query/resolve.ts';
import type {Clock} from '../../../../core/time/clock.ts';
import {type JobState, readJobs, type StoredJob} from '../../../../core/view/jobs.ts';
import {readRejected, readViewStatus} from '../../../../core/view/view-status.ts';
import {readParameters} from '../../../http/parameters.ts';
import {type GatewayApp, type GatewayContext, type GatewayParts, queryOf} from '../app.ts';
import type {View} from '../views.ts';
import {errorAnswers, json, meta} from './schemas.ts';

const status = z.object({
  snapshot_completed_at: z.string().nullable(),
  audit_completed_at: z.string().nullable(),
  files: z.number(),
  directories: z.number(),
  others: z.number(),
  bytes: z.number(),
  unlisted: z.number().describe('Directories that no complete listing has reached yet.'),
  unreadable: z.number(),
  blind_spots: z.number(),
  suspects: z.number(),
  jobs: z.object({queued: z.number(), running: z.number()}),
  rejected: z
    .object({
      count: z.number(),
      last: z
        .object({at: z.string(), session: z.string(), agent: z.string(), batch: z.number(), reason: z.string()})
        .nullable(),
    })
    .describe('Batches that could not be applied, ever: they are kept in the folder `rejected` of the view.'),
  agents: z.array(z.record(z.string(), z.unknown())).describe('The sessions that feed the view.'),
});

/** `GET …/status`: who feeds this view; coverage, lag, phases. */
export function statusRoutes(app: GatewayApp, {views, clock}: GatewayParts): void {
  app.get('/api/v1/status', context => answerStatus(context, views.only(context.get('key')), clock));
  app.get('/api/v1/views/:view/status', context =>
    answerStatus(context, views.find(context.get('key'), context.req.param('view')), clock),
  );
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/v1/views/{view}/status',
    summary: 'How fresh and complete the view is, and who feeds it.',
    request: {params: z.object({view: z.string()})},
    responses: {200: json(z.object({data: status, meta}), 'The status.'), ...errorAnswers},
  });
}

function answerStatus(context: GatewayContext, view: View, clock: Clock): Response {
  readParameters(queryOf(context), []);
  return context.json(statusOf(view, clock));
}

/** Of a view: what `GET …/status` answers. */
export function statusOf(view: Pick<View, 'name' | 'reader'>, clock: Clock) {
  const nowMs = clock.now();
  return view.reader.read(txn => {
    const found = resolve(txn, rootPath);
    const {state, sessions} = readViewStatus(txn, nowMs);
    const totals = found.record!.totals;
    const jobs = readJobs(txn);
    const rejected = readRejected(txn);
    return {
      data: {
        snapshot_completed_at: isoTime(state.snapshotCompletedAt),
        audit_completed_at: isoTime(state.auditCompletedAt),
        files: totals.files,
        directories: totals.directories,
        others: totals.others,
        bytes: totals.bytes,
        unlisted: totals.unlisted,
        unreadable: totals.unreadable,
        blind_spots: totals.blindSpots,
        suspects: totals.suspects,
        jobs: {queued: countOf(jobs, 'queued'), running: countOf(jobs, 'running')},
        rejected: {
          count: rejected.count,
          last: rejected.last ? {...rejected.last, at: isoTime(rejected.last.at)} : null,
        },
        agents: sessions.map(session => ({
          id: session.agent,
          pipe: session.pipe,
          session: session.id,
          role: session.role,
          source: session.source ?? null,
          opened_at: isoTime(session.openedAt),
          seen_at: isoTime(session.seenAt),
          queued: session.queued,
          lag_ms: session.lagMs ?? null,
          unavailable: session.unavailable ?? null,
          watched: session.coverage?.watched ?? null,
          known: session.coverage?.known ?? null,
          gaps: session.gaps,
          last_gap: session.lastGap
            ? {path: session.lastGap.path, reason: session.lastGap.reason, at: isoTime(session.lastGap.at)}
            : null,
          scans: session.scans.map(({id, source, path, startedAt}) => {
            const progress = jobs.find(job => job.id === id)?.progress;
            return {job: id, source, path, started_at: isoTime(startedAt), ...progress};
          }),
        })),
      },
      meta: readMeta(txn, {view: view.name, nowMs}, found),
    };
  });
}

function countOf(jobs: readonly StoredJob[], wanted: JobState): number {
  return jobs.filter(({state}) => state === wanted).length;
}
