import {toText} from '../entry/byte-string.ts';
import {type Path, splitPath} from '../entry/path.ts';
import type {DirectoryRecord, TreeRead} from '../tree/tree-store.ts';
import {type Found, resolve} from './resolve.ts';

/** `hint`: what somebody has to do, where time alone does not mend it. */
export type WhyIncomplete = {reason: string; hint: string | undefined};

/**
 * What stands in the way of knowing all at and below a path: how many directories there, or for a path that is not known the
 * nearest one above it. Undefined where all is known.
 */
export function whyIncomplete(txn: TreeRead, path: Path, found = resolve(txn, path)): WhyIncomplete | undefined {
  if (found.isComplete) return undefined;
  return found.entry ? below(path, found) : above(txn, path);
}

const mend =
  'Mend what keeps the agents from reading it, mostly a permission, then have it read with "fustorctl scan PATH".';
const whereToo = '"fs/stats?children=true" tells where.';

function below(path: Path, {record}: Found): WhyIncomplete {
  if (record && isUnreadable(record)) return {reason: unreadable(path, record), hint: mend};
  const {unreadable: unread = 0, unlisted = 0} = record?.totals ?? {};
  const unlistedAll = unlisted + (record?.listedAt === 0 ? 1 : 0);
  const parts = [
    ...(unread > 0 ? [`${directories(unread)} cannot be read`] : []),
    ...(unlistedAll > 0 ? [`${directories(unlistedAll)} not listed yet`] : []),
  ];
  const reason = `at and below ${toText(path).text}: ${parts.join(', ')}`;
  return {reason, hint: unread > 0 ? `${mend} ${whereToo}` : undefined};
}

function above(txn: TreeRead, path: Path): WhyIncomplete {
  let at = path;
  let found: Found;
  do {
    at = splitPath(at).parent;
    found = resolve(txn, at);
  } while (!found.entry);
  const {record} = found;
  if (record?.unreadable === 'EXDEV') {
    const reason = `${toText(at).text} is another file system, which is not entered (EXDEV)`;
    return {reason, hint: 'Give it a source of its own, if what is in it is wanted.'};
  }
  if (record && isUnreadable(record)) return {reason: unreadable(at, record), hint: mend};
  return {reason: `${toText(at).text} is not listed yet`, hint: undefined};
}

function isUnreadable({unreadable}: DirectoryRecord): boolean {
  return unreadable !== undefined && unreadable !== 'EXDEV';
}

function unreadable(path: Path, {unreadable}: DirectoryRecord): string {
  return `${toText(path).text} cannot be read (${unreadable})`;
}

function directories(count: number): string {
  return count === 1 ? '1 directory' : `${count} directories`;
}
