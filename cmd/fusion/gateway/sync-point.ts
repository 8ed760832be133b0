import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {MetaSyncPoint} from '../../../core/query/meta.ts';
import {booleanParameter, integerParameter} from '../../http/parameters.ts';
import type {SyncPointBody, SyncPointData} from '../engine-protocol.ts';
import type {GatewayContext} from './app.ts';
import {askEngine} from './ask-engine.ts';
import type {View} from './views.ts';

export const syncTimeoutMsMax = 60_000;
const syncTimeoutMsDefault = 2_000;
/** What the engine's answer may take on top. */
const answerMs = 1_000;

/** Of every `GET` that reads the tree. */
export const syncParameters = {
  sync: booleanParameter
    .optional()
    .describe(
      "Waits until the view has every change that was made through the leader's mount before the request. " +
        '`meta.sync_point` tells whether it has, and if not, why; the answer comes in any case. Default: false.',
    ),
  sync_timeout: integerParameter({min: 0, max: syncTimeoutMsMax})
    .optional()
    .describe(`With sync: milliseconds to wait at most. Default: ${syncTimeoutMsDefault}.`),
};

type Asked = {sync?: boolean | undefined; sync_timeout?: number | undefined};

/** To be awaited before the tree is read. Never rejects: what is known is told also when nobody can say how fresh it is. */
export async function syncPoint(
  context: GatewayContext,
  view: View,
  {sync, sync_timeout: timeoutMs = syncTimeoutMsDefault}: Asked,
): Promise<{sync_point?: MetaSyncPoint}> {
  if (!sync) return {};
  const body: SyncPointBody = {timeout_ms: timeoutMs};
  try {
    const answer = await askEngine(view, {
      method: 'POST',
      path: '/sync-points',
      key: context.get('key').name,
      body: Buffer.from(JSON.stringify(body)),
      timeoutMs: timeoutMs + answerMs,
      signal: context.req.raw.signal,
    });
    const {data, error} = JSON.parse(answer.body.toString()) as {data?: SyncPointData; error?: {message: string}};
    if (data) return {sync_point: 'seq' in data ? {is_reached: true, ...data} : {is_reached: false, ...data}};
    const message = error?.message ?? `The engine answered with the status ${answer.status}.`;
    return {sync_point: {is_reached: false, reason: 'no_engine', message}};
  } catch (error) {
    if (!(error instanceof FustorError)) throw error;
    return {sync_point: {is_reached: false, reason: 'no_engine', message: error.message}};
  }
}
