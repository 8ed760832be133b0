import type {Path} from '../../../core/entry/path.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {type Meta, type MetaJob, readMeta} from '../../../core/query/meta.ts';
import type {SettledQuery} from '../../../core/query/read-settled.ts';
import {type Found, resolve} from '../../../core/query/resolve.ts';
import {type WhyIncomplete, whyIncomplete} from '../../../core/query/why-incomplete.ts';
import type {Clock} from '../../../core/time/clock.ts';
import type {Hlc} from '../../../core/time/hlc.ts';
import type {TreeRead} from '../../../core/tree/tree-store.ts';
import {durationParameter, wordsParameter} from '../../http/parameters.ts';
import type {GatewayContext} from './app.ts';
import {askEngine} from './ask-engine.ts';
import type {View} from './views.ts';

/** What a request may ask and demand of the state of a path, beside what it asks of the path itself. */
export const freshnessParameters = {
  settled: durationParameter({min: '1s'})
    .optional()
    .describe(
      '`meta.settled` tells whether nothing was written there for so long, and nothing is half-written: `30s`.',
    ),
  require: wordsParameter('complete', 'settled', 'synced')
    .optional()
    .describe(
      'Answers 412, with the `meta` alone, when it is not `complete`, not `settled` (with settled), not `synced` (with sync); ' +
        'several with a comma between.',
    ),
};

type Asked = {
  settled?: number | undefined;
  require?: ('complete' | 'settled' | 'synced')[] | undefined;
  sync?: boolean | undefined;
};
type Place = {path: Path; clock: Clock; settled: SettledQuery | undefined; sync: MetaJob};

/** An engine that is there answers in a millisecond. */
const hearAllTimeoutMs = 200;

/** Has all agents tell soon how far they are; the answer does not wait for that. Throws BAD_REQUEST. */
export async function settledQuery(
  context: GatewayContext,
  view: View,
  path: Path,
  {settled, require, sync}: Asked,
): Promise<SettledQuery | undefined> {
  if (require?.includes('synced') && !sync) {
    throw new FustorError('BAD_REQUEST', 'Nothing can be required to be synced without sync.', {
      hint: 'Send sync=true with it.',
    });
  }
  if (settled !== undefined) return {path, windowMs: settled, askedAt: await hearAll(view, context.get('key').name)};
  if (!require?.includes('settled')) return undefined;
  throw new FustorError('BAD_REQUEST', 'What is required to be settled needs a time.', {
    hint: 'Send settled=30s, or how long nothing may have been written.',
  });
}

/** Now, on the view's clock; undefined while its engine does not answer. */
async function hearAll(view: View, key: string): Promise<Hlc | undefined> {
  try {
    const answer = await askEngine(view, {method: 'POST', path: '/hear-all', key, timeoutMs: hearAllTimeoutMs});
    return JSON.parse(answer.body.toString()).data?.now;
  } catch (error) {
    if (error instanceof FustorError) return undefined;
    throw error;
  }
}

/** The answer in place of one that does not fulfil what the request demands. A path that is not there is a 404 as ever. */
export function unmetRequirement(
  view: View,
  {require}: Asked,
  {path, clock, settled, sync}: Place,
): Response | undefined {
  if (!require) return undefined;
  const {isKnown, meta, why} = view.reader.read(txn => {
    const found = resolve(txn, path);
    const place = {view: view.name, nowMs: clock.now(), settled};
    const meta = {...readMeta(txn, place, found), ...sync};
    return {isKnown: found.entry !== undefined, meta, why: whyIncompleteNow(txn, meta, {path, found})};
  });
  if (require.includes('complete') && !isWhole(meta)) {
    const reason = why ? `: ${why.reason}` : '';
    return refusal(`Not everything there has been seen (sync: ${meta.sync})${reason}.`, meta, why?.hint);
  }
  const {sync_point: point} = sync;
  if (require.includes('synced') && !point?.is_reached) {
    return refusal(point?.message ?? 'Nobody was asked how far the view is.', meta);
  }
  if (isKnown && require.includes('settled') && !meta.settled!.is_settled) {
    const isOfTree = meta.settled!.cause === 'unlisted';
    return refusal(meta.settled!.reason!, meta, isOfTree ? why?.hint : undefined);
  }
  return undefined;
}

/** What cannot be read is not known to be complete. */
function isWhole({complete, sync}: Meta): boolean {
  return complete && sync !== 'unreadable';
}

/** Undefined also while nothing at all can be read, which `meta` tells. */
export function whyIncompleteNow(
  txn: TreeRead,
  {sync}: Meta,
  {path, found}: {path: Path; found: Found},
): WhyIncomplete | undefined {
  return sync === 'unreadable' ? undefined : whyIncomplete(txn, path, found);
}

/** `mend`: what time alone does not. */
function refusal(reason: string, meta: Meta, mend = 'Ask again later.'): Response {
  const error = new FustorError('REQUIREMENT_UNMET', reason, {
    hint: `${mend} Without "require" the answer tells what is known.`,
  });
  return Response.json({...error.toBody(), meta}, {status: error.status});
}
