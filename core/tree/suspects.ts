import {compareTimes, type Entry, type FileTime, kinds} from '../entry/entry.ts';
import {type Hlc, hlcToMs, shiftHlc} from '../time/hlc.ts';
import {storageSecondsAt} from '../time/storage-clock.ts';
import type {Place, RuleContext} from './context.ts';
import {take} from './take.ts';
import type {Suspect, TreeWrite} from './tree-store.ts';

/**
 * Files whose content may still be changing: their writer has not closed them, or a scan found them younger than the
 * threshold. A suspect leaves the list by a closed write, by its deletion, or when a whole threshold passed in which
 * size and ctime stayed the same.
 *
 * The flag in the entry is the truth; a row in the table of suspects only says when to look at the flag again. A row whose
 * entry is gone, or not suspect any more, means nothing. So writing to a suspect again adds no row.
 */
export function watchSuspect({txn, now, settings}: RuleContext, place: Place, entry: Entry): void {
  txn.putSuspect(shiftHlc(now, settings.hotFileThresholdMs), {
    ...place,
    size: entry.size,
    ctime: entry.ctime,
  });
}

/** Tells whether a file of some ctime was changed so recently that its writer may not have finished. */
export function hotAt({storageClock, now, settings}: RuleContext): (ctimeSeconds: number) => boolean {
  const nowMs = hlcToMs(now);
  const storageNow = storageSecondsAt(storageClock, nowMs) ?? nowMs / 1000;
  return ctimeSeconds => (storageNow - ctimeSeconds) * 1000 < settings.hotFileThresholdMs;
}

/** Looks at the suspects whose time has come, at most `limit`. Returns how many there were. */
export function reviewSuspects(txn: TreeWrite, at: {now: Hlc; thresholdMs: number; limit: number}): number {
  const due = [...take(txn.suspects(at.now), at.limit)];
  for (const suspect of due) {
    const {expiresAt, directory, name} = suspect;
    txn.removeSuspect(expiresAt, directory, name);
    const entry = txn.entry(directory, name);
    if (!entry?.isSuspect) continue;
    if (isUnchanged(entry, suspect)) txn.put(directory, {...entry, isSuspect: false});
    else txn.putSuspect(shiftHlc(at.now, at.thresholdMs), {directory, name, size: entry.size, ctime: entry.ctime});
  }
  return due.length;
}

function isUnchanged(entry: {size: number; ctime: FileTime}, suspect: Suspect): boolean {
  return entry.size === suspect.size && compareTimes(entry.ctime, suspect.ctime) === 0;
}

/** Only the content of a file can be half-written. */
export function canBeSuspect({kind}: Pick<Entry, 'kind'>): boolean {
  return kind === kinds.file;
}
