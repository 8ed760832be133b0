import {FustorError} from '../../core/errors/fustor-error.ts';
import {type Databases, getNumber, putNumber, putText} from '../databases.ts';
import {behindGroupOf} from '../filter-group.ts';

/**
 * Brings a store from the format before its number to its number, inside the write transaction that is current. `newId` is for
 * a store that has none yet.
 */
export type Migration = {to: number; run(db: Databases, newId: string): void};

/** In order, without gaps. A format never changes without one: a store is years old before it is opened again. */
const migrations: readonly Migration[] = [
  // The log of changes, which knows nothing from before it.
  {to: 2, run: db => putNumber(db, 'changesFrom', getNumber(db, 'seq') ?? 0)},
  {to: 3, run: (db, newId) => putText(db, 'storeId', newId)},
  // Signatures of names: the directories that are there get theirs bit by bit (`collect`).
  {to: 4, run: db => putNumber(db, 'filteredFrom', behindGroupOf(getNumber(db, 'nextDirectory') ?? 0))},
];
export const currentFormat = 4;

/** Throws STORE_FORMAT for a store of a newer program. All steps happen in one transaction, or none does. */
export function migrate(
  db: Databases,
  {path, newId}: {path: string; newId: string},
  {to = currentFormat, steps = migrations} = {},
): void {
  const found = getNumber(db, 'format');
  if (found === to) return;
  if (found !== undefined && found > to) throw unreadableFormat(path, found, to);
  db.root.transactionSync(() => {
    if (found !== undefined) for (const step of steps) if (step.to > found) step.run(db, newId);
    putNumber(db, 'format', to);
  });
}

export function unreadableFormat(path: string, found: number, readable = currentFormat): FustorError {
  return new FustorError(
    'STORE_FORMAT',
    `Cannot open the store ${path}: format ${found} found, this program reads up to ${readable}.`,
    {hint: 'Run the newer version that wrote it, or move the directory away: a new one is filled by the agents.'},
  );
}

export function cutOff(path: string): FustorError {
  return new FustorError('STORE_FORMAT', `Cannot open the store ${path}: the end of the file is missing.`, {
    hint: 'Put the whole file back, or move it away: a new one is filled by the agents.',
  });
}

export function notOurs(path: string): FustorError {
  return new FustorError('STORE_FORMAT', `Cannot open the store ${path}: the file is not an LMDB environment.`, {
    hint: 'Move it away: a new one is filled by the agents.',
  });
}
