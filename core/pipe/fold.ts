import {kinds} from '../entry/entry.ts';
import {isBelow, type Path, rootPath, splitPath} from '../entry/path.ts';
import type {DeleteEvent, FsEvent, ListingEvent, MoveEvent, UpsertEvent} from '../protocol/events.ts';
import {type GapEvent, isOwnGap, renamedTooOften} from './own-gaps.ts';
import {type Mention, mentionsOf, type SpoolRows} from './spool.ts';

/**
 * Puts a realtime event at the end of a queue, and takes out what it makes superfluous: what waits is bounded by what
 * changed, not by how often. The argument is in DESIGN.md; in short:
 *
 * 1. Every event that stays or is made is true of its path at its moment, and moments never go back along the queue.
 * 2. An upsert takes out the upsert of the same path before it, if both or none are of a directory. Of a directory the first
 *    stays.
 * 3. A deletion takes out what was told of its path and everything below it. So does what a rename replaces.
 * 4. A rename of what the queue knows to be no directory becomes a deletion and an upsert.
 * 5. A rename whose result is taken out becomes the deletion of what was renamed.
 * 6. Nothing is taken out that a rename behind it takes along.
 * 7. Where more than `renamesMax` renames of one name would wait, one becomes two deletions and a gap: it is read again.
 */
export function fold(rows: SpoolRows, event: FsEvent, limits: FoldLimits): void {
  switch (event.kind) {
    case 'upsert':
      foldUpsert(rows, event);
      break;
    case 'delete':
      foldDelete(rows, event);
      break;
    case 'move':
      foldMove(rows, event, limits);
      break;
    case 'listing':
      foldListing(rows, event);
      break;
    case 'unreadable':
    case 'phase':
      foldLatest(rows, event);
      break;
    default:
      rows.append(event);
  }
}

export type FoldLimits = {renamesMax: number};

/** The first of a directory stays: what was listed of it counts only behind that, if another directory of that name went before. */
function foldUpsert(rows: SpoolRows, event: UpsertEvent): void {
  const {path} = event;
  const isDirectory = event.attributes.kind === kinds.directory;
  const [first, last] = statesOf(rows, path).slice(-2);
  const latest = last ?? first;
  if (!isDirectory && latest?.kind === 'directory' && path !== rootPath) sweep(rows, path);
  else if (latest?.kind === (isDirectory ? 'directory' : 'file')) {
    const superfluous = isDirectory ? last && first!.kind === 'directory' && first : latest;
    if (superfluous && superfluous.place > renamedAbove(rows, path)) rows.remove(latest.place);
  }
  rows.append(event);
}

function foldDelete(rows: SpoolRows, event: DeleteEvent): void {
  if (event.path !== rootPath) sweep(rows, event.path);
  rows.append(event);
}

function foldMove(rows: SpoolRows, event: MoveEvent, {renamesMax}: FoldLimits): void {
  const {from, to} = event;
  if (isImpossible(event)) {
    rows.append(event);
    return;
  }
  const last = statesOf(rows, from).at(-1);
  const isOfFile = last?.kind === 'file' && last.place > renamedAbove(rows, from);
  if (isOfFile) moveFile(rows, event, rows.read(last.place) as UpsertEvent);
  else if (Math.max(countRenames(rows, from), countRenames(rows, to)) >= renamesMax) giveUpMove(rows, event);
  else keepMove(rows, event);
}

function moveFile(rows: SpoolRows, {from, to, observedAt}: MoveEvent, known: UpsertEvent): void {
  foldDelete(rows, {kind: 'delete', path: from, observedAt});
  foldUpsert(rows, {...known, path: to, observedAt});
}

function giveUpMove(rows: SpoolRows, {from, to, observedAt}: MoveEvent): void {
  for (const path of [from, to]) foldDelete(rows, {kind: 'delete', path, observedAt});
  foldLatest(rows, {kind: 'phase', phase: 'gap', path: to, reason: renamedTooOften});
}

function keepMove(rows: SpoolRows, event: MoveEvent): void {
  const gaps = rows.gaps > 0 ? takeGaps(rows, event) : [];
  sweep(rows, event.to);
  rows.append(event);
  for (const gap of gaps) foldLatest(rows, gap);
}

/** The first range of a reading takes the place of an earlier reading. */
function foldListing(rows: SpoolRows, event: ListingEvent): void {
  const {path} = event;
  const earlier = event.after === undefined ? rows.at(path).filter(({kind}) => kind === 'listing') : [];
  const isKept = earlier.length > 0 && renamedWithin(rows, path);
  const limit = renamedAbove(rows, path);
  for (const {place} of isKept ? [] : earlier) if (place > limit) rows.remove(place);
  rows.append(event);
}

/** What counts only once: of a place that cannot be read, a gap, the state of the source. */
function foldLatest(rows: SpoolRows, event: FsEvent): void {
  const [mention] = mentionsOf(event);
  if (mention) {
    const {key, kind} = mention;
    const limit = kind === 'source' ? 0 : renamedAbove(rows, key as Path);
    const mentions = rows.at(key);
    const renamed = mentions.findLast(isRename)?.place ?? 0;
    for (const {place} of mentions.filter(one => one.kind === kind)) {
      if (place > Math.max(limit, renamed)) rows.remove(place);
    }
  }
  rows.append(event);
}

/**
 * Takes out what was told, before a place, of a path and everything below it: what stood there is gone. Renames are looked at from
 * the latest to the first, because one that goes lets those before it go.
 */
function sweep(rows: SpoolRows, path: Path, before = Number.POSITIVE_INFINITY): void {
  const below = rows.below(path);
  if (!below) return;
  const told = [
    {path, mentions: [...rows.at(path)]},
    ...Array.from(below, one => ({...one, mentions: [...one.mentions]})),
  ];
  const limit = renamedAbove(rows, path, before);
  const kept = new KeptRenames(path);
  const renames = new Set(told.flatMap(({mentions}) => mentions.filter(isRename).map(({place}) => place)));
  const outside: {from: Path; place: number}[] = [];
  for (const place of [...renames].sort((a, b) => b - a)) {
    if (place >= before) continue;
    const move = rows.read(place) as MoveEvent;
    const {from, to, observedAt} = move;
    const isUnread = kept.isWithin(to) && !isImpossible(move) && place > limit && kept.latest(to) === 0;
    if (!isUnread) {
      kept.add(move, place);
    } else if (kept.isWithin(from) && kept.latest(from) === 0) {
      rows.remove(place);
    } else {
      rows.replace(place, {kind: 'delete', path: from, observedAt});
      if (!kept.isWithin(from)) outside.push({from, place});
    }
  }
  for (const {path: at, mentions} of told) {
    const read = Math.max(limit, kept.latest(at));
    for (const mention of mentions) {
      if (isFact(rows, mention) && mention.place < before && mention.place > read) rows.remove(mention.place);
    }
  }
  for (const {from, place} of outside) sweep(rows, from, place);
}

/** Renames that stay, by what they concern of a path and everything below it. */
class KeptRenames {
  readonly #top: Path;
  readonly #at = new Map<Path, number>();
  readonly #atOrBelow = new Map<Path, number>();

  constructor(top: Path) {
    this.#top = top;
  }

  isWithin(path: Path): boolean {
    return path === this.#top || isBelow(path, this.#top);
  }

  /** To be called with ever smaller places. */
  add({from, to}: MoveEvent, place: number): void {
    for (const end of [from, to]) {
      if (!this.isWithin(end)) continue;
      if (!this.#at.has(end)) this.#at.set(end, place);
      for (const path of this.#upwards(end)) if (!this.#atOrBelow.has(path)) this.#atOrBelow.set(path, place);
    }
  }

  /** The place of the latest that has an end at a path, above or below it; 0: there is none. */
  latest(path: Path): number {
    if (this.#at.size === 0) return 0;
    let latest = this.#atOrBelow.get(path) ?? 0;
    for (const above of this.#upwards(path)) latest = Math.max(latest, this.#at.get(above) ?? 0);
    return latest;
  }

  *#upwards(path: Path): Iterable<Path> {
    for (let at = path; ; at = splitPath(at).parent) {
      yield at;
      if (at === this.#top) return;
    }
  }
}

/** The events that say what stands at a path. */
function statesOf(rows: SpoolRows, path: Path): Mention[] {
  return rows.at(path).filter(({kind}) => kind !== 'listing' && kind !== 'unreadable' && kind !== 'gap');
}

/** The place of the last rename, before a place, with an end above a path; 0: there is none. */
function renamedAbove(rows: SpoolRows, path: Path, before = Number.POSITIVE_INFINITY): number {
  if (rows.renames === 0) return 0;
  let latest = 0;
  for (let at = path; at !== rootPath; ) {
    at = splitPath(at).parent;
    const found = rows.at(at).findLast(mention => isRename(mention) && mention.place < before);
    latest = Math.max(latest, found?.place ?? 0);
  }
  return latest;
}

/** Whether a rename waits that has an end at a path or below it. */
function renamedWithin(rows: SpoolRows, path: Path): boolean {
  if (rows.renames === 0) return false;
  if (rows.at(path).some(isRename)) return true;
  const below = rows.below(path);
  if (!below) return true;
  for (const {mentions} of below) if (mentions.some(isRename)) return true;
  return false;
}

/**
 * What of the pipe's own gaps goes with a rename: those at or below its old name are taken out and have the new one; what it takes
 * out of one above is another.
 */
function takeGaps(rows: SpoolRows, {from, to}: MoveEvent): GapEvent[] {
  const renamed: GapEvent[] = [];
  const mentions = [...rows.at(from), ...Array.from(rows.below(from) ?? []).flatMap(told => told.mentions)];
  for (const {place} of mentions.filter(({kind}) => kind === 'gap')) {
    const event = rows.read(place);
    if (!isOwnGap(event)) continue;
    renamed.push({...event, path: `${to}${event.path.slice(from.length)}` as Path});
    rows.remove(place);
  }
  for (let at = from; at !== rootPath; ) {
    at = splitPath(at).parent;
    for (const {place} of rows.at(at).filter(({kind}) => kind === 'gap')) {
      const event = rows.read(place);
      if (isOwnGap(event)) return [{...event, path: to}];
    }
  }
  return renamed;
}

function countRenames(rows: SpoolRows, path: Path): number {
  return rows.at(path).filter(isRename).length;
}

function isRename({kind}: Mention): boolean {
  return kind === 'from' || kind === 'to';
}

/** No storage does this and no view applies it. */
function isImpossible({from, to}: MoveEvent): boolean {
  return from === to || isBelow(from, to) || isBelow(to, from);
}

/** Whether an event says something of its path that its deletion makes superfluous. */
function isFact(rows: SpoolRows, {place, kind}: Mention): boolean {
  if (kind === 'gap') return isOwnGap(rows.read(place), renamedTooOften);
  return kind !== 'from' && kind !== 'to' && kind !== 'source';
}
