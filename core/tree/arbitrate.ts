import type {Heard} from '../protocol/batch.ts';
import type {FsEvent} from '../protocol/events.ts';
import {isRealtime} from '../protocol/events.ts';
import {type Hlc, hlcToMs, shiftHlc} from '../time/hlc.ts';
import {voteStorageClock} from '../time/storage-clock.ts';
import type {Observation, RuleContext} from './context.ts';
import {applyListing, applyUnreadable} from './listing.ts';
import {applyDelete, applyMove, applyUpsert} from './realtime.ts';
import {applySentinel} from './sentinel.ts';

/** A context that learns: the storage clock moves with what the batch shows. */
export type ArbitrationContext = RuleContext & {
  /** The agent's monotonic clock when the batch was sent, in milliseconds. */
  sentAt: number;
  /** What the agent had heard of the view's clock, and when on its own; undefined: nothing. */
  heard: Heard | undefined;
  /** The latest moment (`Observation.to`) of the realtime events that this session told before. */
  observedUntil: Hlc;
};

export type Arbitration = Pick<ArbitrationContext, 'storageClock' | 'observedUntil'> & {
  /** Events that changed what is known, and events that came too late to count. */
  counted: number;
  late: number;
};

/**
 * Who is right: applies the events of one batch to the tree. Phases say nothing about the tree and are passed over.
 *
 * A realtime event was observed between two moments of the view's clock (`Observation`). Batches are delayed differently, so
 * two events of one session could seem to swap; its watcher told them in order, so `to` never goes back. `from` may:
 * what was heard differs from batch to batch.
 */
export function arbitrate(context: ArbitrationContext, events: readonly FsEvent[]): Arbitration {
  const storageClock = voteStorageClock(context.storageClock, differences(context, events));
  const rules: RuleContext = {...context, storageClock};
  let {observedUntil} = context;
  let counted = 0;
  let late = 0;
  for (const event of events) {
    if (event.kind === 'phase') continue;
    const observed = isRealtime(event) ? observationOf(context, event.observedAt, observedUntil) : neverObserved;
    observedUntil = Math.max(observedUntil, observed.to);
    if (apply(rules, event, observed)) counted++;
    else late++;
  }
  return {storageClock, observedUntil, counted, late};
}

function apply(rules: RuleContext, event: Exclude<FsEvent, {kind: 'phase'}>, observed: Observation): boolean {
  switch (event.kind) {
    case 'upsert':
      return applyUpsert(rules, event, observed);
    case 'delete':
      return applyDelete(rules, event, observed);
    case 'move':
      return applyMove(rules, event, observed);
    case 'listing':
      return applyListing(rules, event);
    case 'unreadable':
      return applyUnreadable(rules, event);
    case 'sentinel':
      return applySentinel(rules, event);
    case 'unchanged':
      return true;
    default:
      return event satisfies never;
  }
}

function observationOf(
  {now, sentAt, heard, run}: ArbitrationContext,
  observedAt: number,
  observedUntil: Hlc,
): Observation {
  // What is from before this engine started is not later than its start.
  const to = Math.max(shiftHlc(now, -Math.max(0, sentAt - observedAt)), run.since);
  return {from: Math.min(earliest(heard, observedAt, run.since), to), to: Math.max(to, observedUntil)};
}

/**
 * Time that passed on the agent's clock passed on the view's too, but only while one engine ran: a new one looks at the wall,
 * which may have been set. What was observed after something was heard is later than that in any case.
 */
export function earliest(heard: Heard | undefined, observedAt: number, runningSince: Hlc): Hlc {
  if (!heard) return 0;
  if (heard.hlc < runningSince) return observedAt >= heard.at ? heard.hlc : 0;
  const from = shiftHlc(heard.hlc, observedAt - heard.at);
  return from >= runningSince ? from : 0;
}

const voteWithinMs = 1_000;
const neverObserved: Observation = {from: 0, to: 0};

/** Only what was observed at a moment that is known well votes. */
function* differences(context: ArbitrationContext, events: readonly FsEvent[]): Iterable<number> {
  for (const event of events) {
    if (event.kind !== 'upsert') continue;
    const {from, to} = observationOf(context, event.observedAt, 0);
    if (shiftHlc(from, voteWithinMs) < to) continue;
    const {seconds, nanos} = event.attributes.ctime;
    yield hlcToMs(to) / 1000 - (seconds + nanos / 1e9);
  }
}
