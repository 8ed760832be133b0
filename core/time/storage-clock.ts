import type {FileTime} from '../entry/entry.ts';

/**
 * The storage's own time, estimated from what realtime events show: the moment at which a change was observed, on the
 * fusion's clock, and its ctime, on the storage's. The most frequent whole-second difference is the offset.
 *
 * Why a mode and not a mean or a maximum: a forged or future ctime is one rare difference among many; an old file that is
 * moved into the tree too. Why one vote a batch and difference: a folder of 10,000 old files that were all made in one
 * second, moved in at once, must not outvote the living.
 *
 * `votes` holds [difference in seconds (fusion minus storage), weight], heaviest first. When the weights sum to more than
 * `windowVotes` all are halved, so old votes fade: that is the sliding window.
 */
export type StorageClock = {votes: readonly (readonly [differenceS: number, weight: number])[]};

export const emptyStorageClock: StorageClock = {votes: []};

const windowVotes = 1024;
const differencesMax = 64;

/**
 * How far the estimate may be from the storage's time: half a second of rounding, the delay between a change and its
 * observation, and a network file system's coarse time steps.
 */
export const storageClockErrorS = 2;

/** `differencesS`: observed minus ctime, in seconds, of the realtime upserts of one batch. */
export function voteStorageClock(clock: StorageClock, differencesS: Iterable<number>): StorageClock {
  const votes = new Map(clock.votes);
  let isChanged = false;
  for (const difference of new Set([...differencesS].map(Math.round))) {
    votes.set(difference, (votes.get(difference) ?? 0) + 1);
    isChanged = true;
  }
  if (!isChanged) return clock;
  let sorted = [...votes];
  if (sorted.reduce((sum, [, weight]) => sum + weight, 0) > windowVotes) {
    sorted = sorted.map(([difference, weight]): [number, number] => [difference, weight / 2]);
    sorted = sorted.filter(([, weight]) => weight >= 0.5);
  }
  sorted.sort(([a, weightA], [b, weightB]) => weightB - weightA || a - b);
  return {votes: sorted.slice(0, differencesMax)};
}

/** The storage's time in seconds at a moment of the fusion's clock, or undefined while nothing is known of it. */
export function storageSecondsAt(clock: StorageClock, wallMs: number): number | undefined {
  const best = clock.votes[0];
  return best && wallMs / 1000 - best[0];
}

/** A moment that is surely not before the storage's time at `wallMs`. Without an estimate: later than every ctime. */
export function latestStorageTimeAt(clock: StorageClock, wallMs: number): FileTime {
  const seconds = storageSecondsAt(clock, wallMs);
  return {seconds: seconds === undefined ? 2 ** 39 - 1 : Math.ceil(seconds) + storageClockErrorS, nanos: 0};
}

/** A moment that is surely not after the storage's time at `wallMs`. Without an estimate: earlier than every ctime. */
export function earliestStorageTimeAt(clock: StorageClock, wallMs: number): FileTime {
  const seconds = storageSecondsAt(clock, wallMs);
  return {seconds: seconds === undefined ? -(2 ** 39) : Math.floor(seconds) - storageClockErrorS, nanos: 0};
}
