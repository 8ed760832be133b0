import type {Unreached} from '../protocol/sync-point.ts';
import type {Source} from '../source/source.ts';
import type {Bus} from './bus.ts';
import type {DueRescans} from './due-rescans.ts';
import type {Outbox} from './outbox.ts';
import type {Signal} from './signal.ts';

export type SyncPointParts = {
  source: Source;
  bus: Bus;
  outbox: Outbox;
  rescans: DueRescans;
  wake: Signal;
  /** The session in which the pipe leads, and whether the view was told in it all that there is. */
  leading: () => {session: string; hasToldAll: boolean} | undefined;
};

const changed: Unreached = {
  reason: 'leader_changed',
  message: 'The agent does not lead any more, or lost its session.',
};
const notRead: Unreached = {reason: 'not_read_yet', message: 'The agent has not read everything once since it leads.'};
const missed: Unreached = {reason: 'gap', message: 'Changes could not be kept or stored; they are being read again.'};

/**
 * Resolves when the view has stored every change that was made before the call, or to why that cannot be said. What a call puts on
 * its way is a mark behind everything: behind what the source had still to look at and to read, the realtime lane with its
 * spool, and what scans have told; it is no event, so it is in no batch. The view has it all when it has confirmed the batches
 * that were made until the mark left, and nothing was lost on the way.
 */
export async function reachSyncPoint(parts: SyncPointParts, signal: AbortSignal): Promise<Unreached | undefined> {
  const {source, bus, outbox, rescans, wake} = parts;
  const session = parts.leading()?.session;
  /** Undefined: so far so good. */
  const trouble = (): Unreached | undefined => {
    const now = parts.leading();
    if (!now || now.session !== session || signal.aborted) return changed;
    return now.hasToldAll ? undefined : notRead;
  };
  const unsettled = trouble() ?? (await source.settle()) ?? trouble();
  if (unsettled) return unsettled;
  if (rescans.isDue) return missed;
  const lossesBefore = rescans.losses;
  let upTo: number | undefined;
  const leaves = () => {
    upTo = outbox.last + 1; // the batch that is being made, if anything is in it
    wake.raise();
    return undefined;
  };
  void bus.offer({kind: 'deferred', byteLength: 0, resolve: leaves});
  for (;;) {
    const seen = wake.count;
    const found = trouble() ?? (rescans.losses === lossesBefore ? undefined : missed);
    if (found) return found;
    if (upTo !== undefined && (outbox.first ?? Number.POSITIVE_INFINITY) > upTo) return undefined;
    await wake.wait(signal, seen);
  }
}
