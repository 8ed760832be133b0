import {hash} from 'node:crypto';
import {FustorError} from '../errors/fustor-error.ts';
import type {Sealing} from '../identity/sealing.ts';
import {type ControlRead, type ControlWrite, numberKey} from './control-store.ts';
import type {RevisionOrigin, SiteFiles} from './desired-state.ts';

/**
 * The desired state as it was each time it changed.
 *
 * 1. Numbers count from 1 without gaps, in the order in which revisions were stored.
 * 2. The last thousand are kept, and all since the oldest that is in force or will be.
 * 3. A text is stored once, under its SHA-256 and sealed (it may have secrets in it), as long as a revision that is kept has it.
 *
 * In the table `revisions`, by `numberKey`: what is below. In `blobs`: SHA-256 → `StoredBlob`, and for those that the newest
 * revision has not, `unused NUMBER SHA-256`, with the number of the last that had it.
 */
export type StoredRevision = {
  number: number;
  /** Wall time of the controller. */
  at: number;
  author: string;
  message: string;
  origin: RevisionOrigin;
  commit: string | undefined;
  /** Path → SHA-256 of the text. */
  files: Record<string, string>;
};

type StoredBlob = {sealed: Uint8Array; unused: number | undefined};

export const revisionsMax = 1_000;
const unusedPrefix = 'unused ';

export type NewRevision = Pick<StoredRevision, 'at' | 'author' | 'message' | 'origin' | 'commit'> & {files: SiteFiles};

/** `neededFrom`: this one and all later ones are kept in any case. */
export function addRevision(
  txn: ControlWrite,
  {files, ...facts}: NewRevision,
  {sealing, neededFrom, keep = revisionsMax}: {sealing: Sealing; neededFrom: number; keep?: number},
): StoredRevision {
  const before = newestRevision(txn);
  const number = (before?.number ?? 0) + 1;
  const known = new Set(Object.values(before?.files ?? {}));
  const texts = new Map(Array.from(files.values(), text => [hash('sha256', text), text]));
  const hashes = Array.from(files, ([path, text]) => [path, hash('sha256', text)] as const);
  const revision: StoredRevision = {...facts, number, files: Object.fromEntries(hashes)};
  txn.putRecord('revisions', numberKey(number), revision);
  for (const [sha256, text] of texts) {
    if (!known.has(sha256)) useBlob(txn, sha256, () => sealing.seal(Buffer.from(text)));
  }
  for (const sha256 of known) if (!texts.has(sha256)) leaveBlob(txn, sha256, number - 1);
  forgetBefore(txn, Math.min(number - keep + 1, neededFrom || number));
  return revision;
}

export function newestRevision(txn: ControlRead): StoredRevision | undefined {
  return txn.records<StoredRevision>('revisions', {isBackwards: true, limit: 1})[0]?.value;
}

/** Throws NOT_FOUND. */
export function getRevision(txn: ControlRead, number: number): StoredRevision {
  const revision = txn.record<StoredRevision>('revisions', numberKey(number));
  if (revision) return revision;
  throw new FustorError('NOT_FOUND', `There is no revision ${number}.`, {
    hint: `Run "fustorctl history"; only the last ${revisionsMax} are kept.`,
  });
}

/** Revision 0, without files, is always there. */
export function isKept(txn: ControlRead, number: number): boolean {
  return number === 0 || txn.record('revisions', numberKey(number)) !== undefined;
}

/** The newest first, older than `before`. */
export function listRevisions(txn: ControlRead, {before, limit}: {before?: number | undefined; limit: number}) {
  const after = before === undefined ? undefined : numberKey(before);
  return txn.records<StoredRevision>('revisions', {isBackwards: true, limit, after}).map(({value}) => value);
}

/** Revision 0 has none. Throws NOT_FOUND. */
export function filesOf(txn: ControlRead, number: number, sealing: Sealing): SiteFiles {
  if (number === 0) return new Map();
  const paths = Object.entries(getRevision(txn, number).files);
  return new Map(paths.map(([path, sha256]) => [path, textOf(txn, sha256, sealing)]));
}

function textOf(txn: ControlRead, sha256: string, sealing: Sealing): string {
  const blob = txn.record<StoredBlob>('blobs', sha256);
  const text = blob && Buffer.from(sealing.open(blob.sealed)).toString();
  if (text !== undefined && hash('sha256', text) === sha256) return text;
  throw new FustorError('STORE_FAILED', `The text ${sha256} of a revision is not what was stored.`, {
    hint: 'Restore the controller from a backup.',
  });
}

function useBlob(txn: ControlWrite, sha256: string, seal: () => Uint8Array): void {
  const blob = txn.record<StoredBlob>('blobs', sha256);
  if (blob?.unused !== undefined) txn.removeRecord('blobs', unusedKey(blob.unused, sha256));
  txn.putRecord('blobs', sha256, {sealed: blob?.sealed ?? seal(), unused: undefined} satisfies StoredBlob);
}

function leaveBlob(txn: ControlWrite, sha256: string, lastUse: number): void {
  const blob = txn.record<StoredBlob>('blobs', sha256);
  if (!blob) return;
  txn.putRecord('blobs', sha256, {...blob, unused: lastUse} satisfies StoredBlob);
  txn.putRecord('blobs', unusedKey(lastUse, sha256), {sha256});
}

function forgetBefore(txn: ControlWrite, number: number): void {
  const end = numberKey(Math.max(0, number));
  for (;;) {
    const [oldest] = txn.records<StoredRevision>('revisions', {limit: 1});
    if (!oldest || oldest.key >= end) break;
    txn.removeRecord('revisions', oldest.key);
  }
  for (;;) {
    const [first] = txn.records<{sha256: string}>('blobs', {after: unusedPrefix, limit: 1});
    if (!first || first.key >= `${unusedPrefix}${end}`) break;
    txn.removeRecord('blobs', first.key);
    txn.removeRecord('blobs', first.value.sha256);
  }
}

/** Behind all hashes, which have no "u". */
function unusedKey(number: number, sha256: string): string {
  return `${unusedPrefix}${numberKey(number)} ${sha256}`;
}
