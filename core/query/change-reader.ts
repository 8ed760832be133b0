import {type Entry, type Kind, kindNames, kinds} from '../entry/entry.ts';
import type {PackedCursor} from '../entry/packed.ts';
import {isBelow, joinPath, type Path} from '../entry/path.ts';
import {FustorError} from '../errors/fustor-error.ts';
import type {ChangeName, LoggedChange} from '../tree/changes.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import {type ChangePlace, encodeChangePlace} from './change-place.ts';
import {EntryWalk} from './entry-walk.ts';
import {exactObject, exactTime} from './exact-object.ts';
import {nameFields} from './json-values.ts';
import {resolve} from './resolve.ts';

/** A change as JSON, and what to go on from when it is the last that was heard. */
export type ToldChange = {json: string; place: string};

/** Returns whether it wants more. */
type Tell = (json: string) => boolean;

/** Changes to look at in one slice: some milliseconds. */
const lookedMax = 2_000;

/**
 * Tells what changed at or below a path, as `core/tree/changes.ts` defines it: who applies it to what was there when the
 * first change was told has, behind the last, what is there.
 *
 * 1. Paths, kinds and what happened are as they were at the time. Attributes are the newest that are known; where the entry
 *    has gone or moved on there are none, and a later change says so.
 * 2. What moves in or out of the path is created or deleted for who looks at this path alone.
 * 3. A directory that moves in is told with all below it, which is read from the tree as it is now, and may so be ahead of
 *    the changes that are still to be told (`ChangePlace.ahead`). Up to there each later change sets anew what it touches,
 *    and a move, which would take along what is not as it was, is told as a deletion and a creation with all below.
 */
export class ChangeReader {
  readonly #path: Path;
  #place: ChangePlace;

  constructor(path: Path, place: ChangePlace) {
    this.#path = path;
    this.#place = place;
  }

  get place(): ChangePlace {
    return this.#place;
  }

  /**
   * Tells some more, until `tell` returns false. True when it has come to the newest change that the snapshot has. Throws
   * CHANGES_GONE.
   */
  read(txn: TreeRead, tell: (change: ToldChange) => boolean): boolean {
    const store = txn.storeId();
    if (store === '') return true; // it cannot be read now, or there is none yet
    const newest = txn.seq();
    this.#check(txn, store, newest);
    this.#place = {...this.#place, store};
    const {seq: since} = this.#place;
    const tellAt: Tell = json => tell({json, place: encodeChangePlace(this.#place)});
    let looked = 0;
    for (const change of txn.changes(since)) {
      if (looked++ === lookedMax || !this.#take(txn, change, tellAt)) return false;
    }
    this.#end(newest);
    return true;
  }

  #check(txn: TreeRead, store: string, newest: number): void {
    const {store: ofStore, seq: since} = this.#place;
    if (ofStore !== '' && ofStore !== store) throw changesGone(otherView(since), txn);
    if (since > newest) throw changesGone(`The newest change of the view is ${newest}. ${otherView(since)}`, txn);
    const from = txn.changesFrom();
    if (since < from)
      throw changesGone(`The log of changes does not reach back to ${since} any more, only to ${from}.`, txn);
  }

  /** False when no more is wanted; the change may then not be told to its end. */
  #take(txn: TreeRead, change: LoggedChange, tell: Tell): boolean {
    const {seq, path, from, kind, directory, name} = change;
    const isWithin = this.#holds(path) && (from === undefined || (this.#holds(from) && seq > this.#place.ahead));
    if (isWithin) {
      this.#end(seq);
      return tell(row(change, txn.entry(directory, name)));
    }
    const left = this.#leftBy(change);
    const comesIn = this.#comesIn(change);
    if (!comesIn) this.#end(seq);
    if (left !== undefined && this.#place.until === undefined && !tell(left)) return false;
    if (!comesIn) return true;
    if (kind === kinds.directory) return this.#tellAll(txn, change, tell);
    this.#end(seq);
    return tell(row({seq, change: 'created', path, kind}, txn.entry(directory, name)));
  }

  /** What a change takes away, if anything, from who looks at the path alone. */
  #leftBy({seq, change, kind, path, from}: LoggedChange): string | undefined {
    if (from !== undefined && this.#holds(from)) return row({seq, change: 'deleted', path: from, kind});
    const isGoneAbove = change === 'deleted' || (change === 'created' && kind !== kinds.directory);
    const gone = from ?? (isGoneAbove ? path : undefined);
    return gone !== undefined && isBelow(this.#path, gone)
      ? row({seq, change: 'deleted', path: this.#path})
      : undefined;
  }

  /** Whether a move brings something to the path, or the path itself. */
  #comesIn({kind, path, from}: LoggedChange): boolean {
    if (from === undefined) return false;
    return this.#holds(path) || (kind === kinds.directory && isBelow(this.#path, path));
  }

  /** A directory that was moved, or what came with it to the path, with all below. */
  #tellAll(txn: TreeRead, {seq, path, directory, name}: LoggedChange, tell: Tell): boolean {
    const isAtPath = this.#holds(path);
    const top = isAtPath ? path : this.#path;
    const entry = isAtPath ? txn.entry(directory, name) : resolve(txn, top).entry;
    const ahead = Math.max(this.#place.ahead, txn.seq());
    const {until} = this.#place;
    this.#place = {...this.#place, ahead, until: until ?? top};
    if ((isAtPath || entry) && until === undefined) {
      const kind = isAtPath ? kinds.directory : entry!.kind;
      if (!tell(row({seq, change: 'created', path: top, kind}, entry))) return false;
    }
    if (!this.#tellBelow(txn, new EntryWalk(entry?.directory, top), {seq, tell})) return false;
    this.#end(seq);
    return true;
  }

  #tellBelow(txn: TreeRead, walk: EntryWalk, {seq, tell}: {seq: number; tell: Tell}): boolean {
    walk.resume(txn, this.#place.until!);
    return walk.walk(txn, (parent, cursor) => {
      const path = joinPath(parent, cursor.name);
      this.#place = {...this.#place, until: path};
      return tell(row({seq, change: 'created', path, kind: cursor.kind}, cursor));
    });
  }

  #holds(path: Path): boolean {
    return path === this.#path || isBelow(path, this.#path);
  }

  /** All up to a change was told. */
  #end(seq: number): void {
    this.#place = {...this.#place, seq, until: undefined};
  }
}

type Row = {seq: number; change: ChangeName; path: Path; from?: Path | undefined; kind?: Kind};
type Shown = Pick<Entry | PackedCursor, 'kind' | 'hasAttributes' | 'size' | 'mtime' | 'isSuspect'>;

/** `entry` is what stands there now. */
function row({seq, change, path, from, kind}: Row, entry?: Shown): string {
  const isKnown = change !== 'deleted' && entry !== undefined && entry.kind === kind;
  return exactObject({
    seq,
    change,
    ...nameFields('path', path),
    ...(from !== undefined && nameFields('from', from)),
    ...(kind !== undefined && {content_type: kindNames[kind]}),
    ...(isKnown && entry.hasAttributes && {size: entry.size, modified_time: exactTime(entry.mtime)}),
    ...(isKnown && {integrity_suspect: entry.isSuspect}),
  });
}

function otherView(since: number): string {
  return `The view was made anew: it is another than the one that had ${since}.`;
}

function changesGone(message: string, txn: TreeRead): FustorError {
  return new FustorError('CHANGES_GONE', message, {
    hint: 'Read the tree again with fs/tree, and go on from "changes_since" of its meta.',
    details: {from_seq: txn.changesFrom()},
  });
}
