import {fromBytes, toBytes} from '../entry/byte-string.ts';
import {isPath, type Path} from '../entry/path.ts';
import type {TreeRead} from '../tree/tree-store.ts';

/** How far somebody has read the changes. */
export type ChangePlace = {
  /** The store whose changes they are (`TreeRead.storeId`); empty where nobody said: any. */
  store: string;
  /** All changes up to this one were told. */
  seq: number;
  /** Up to this `seq`, what was told of directories that came from elsewhere may be ahead of the changes; else 0. */
  ahead: number;
  /** The change behind `seq` brought a directory, which was told up to this path. */
  until: Path | undefined;
};

/** `store:1234`, and what else there is to say: it may be sent in place of a `seq` everywhere. */
export function encodeChangePlace({store, seq, ahead, until}: ChangePlace): string {
  const at = store === '' ? String(seq) : `${store}:${seq}`;
  if (until !== undefined) return `${at}.${ahead}.${toBytes(until).toString('base64url')}`;
  return ahead > seq ? `${at}.${ahead}` : at;
}

/** Undefined when it is none. */
export function decodeChangePlace(text: string): ChangePlace | undefined {
  const match = /^(?:([\w-]{1,64}):)?(\d{1,15})(?:\.(\d{1,15})(?:\.([\w-]+))?)?$/.exec(text);
  if (!match) return undefined;
  const [, store = '', seq, ahead = 0, place] = match;
  const until = place === undefined ? undefined : fromBytes(Buffer.from(place, 'base64url'));
  if (until !== undefined && !isPath(until)) return undefined;
  return {store, seq: Number(seq), ahead: Number(ahead), until};
}

/** Behind all changes that a snapshot has. */
export function newestPlace(txn: TreeRead): ChangePlace {
  return {store: txn.storeId(), seq: txn.seq(), ahead: 0, until: undefined};
}

/** Before all changes that its log still has. */
export function oldestPlace(txn: TreeRead): ChangePlace {
  return {store: txn.storeId(), seq: txn.changesFrom(), ahead: 0, until: undefined};
}
