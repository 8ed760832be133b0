import {isBelow, type Path, rootPath} from '../entry/path.ts';
import type {FsEvent} from '../protocol/events.ts';
import {type GapEvent, isOwnGap} from './own-gaps.ts';

/** Paths that are to be read again. More than this are read together, with everything. */
const pathsMax = 32;

/**
 * What a pipe could not tell, and reads again. A gap of its own makes a reading due when the view has stored it: then the evidence
 * of the reading is later than all that was told before. Until it is read, renames that follow the gap in the stream rename
 * what is to be read; what they take out of it is to be read too.
 */
export class DueRescans {
  #due: Path[] = [];
  #running: Path[] = [];
  readonly #sent = new Map<GapEvent, Path[]>();
  #losses = 0;

  get size(): number {
    return this.#due.length;
  }

  /** What was lost has not been read again yet. */
  get isDue(): boolean {
    return this.#due.length + this.#running.length + this.#sent.size > 0;
  }

  /** Grows whenever something is lost. */
  get losses(): number {
    return this.#losses;
  }

  /** An event leaves for the view, in the order of the stream. */
  sent(event: FsEvent): void {
    if (isOwnGap(event)) {
      this.#sent.set(event, [event.path]);
      this.#losses++;
    }
    if (event.kind === 'move') this.#rename(event.from, event.to);
  }

  /** The view has an event that was sent. */
  stored(event: FsEvent): void {
    if (!isOwnGap(event)) return;
    for (const path of this.#sent.get(event) ?? [event.path]) this.add(path);
    this.#sent.delete(event);
  }

  add(path: Path): void {
    this.#losses++;
    if (this.#due.some(due => due === path || isBelow(path, due))) return;
    this.#due = [...this.#due.filter(due => !isBelow(due, path)), path];
    if (this.#due.length > pathsMax) this.#due = [rootPath];
  }

  /** Takes what is to be read now: the next, or all. Tell `ended` when it was. */
  begin(count: 'next' | 'all'): readonly Path[] {
    this.#running = this.#due.splice(0, count === 'next' ? 1 : this.#due.length);
    return this.#running;
  }

  ended(isDone: boolean): void {
    const paths = this.#running;
    this.#running = [];
    if (!isDone) for (const path of paths) this.add(path);
  }

  #rename(from: Path, to: Path): void {
    for (const [event, paths] of this.#sent)
      this.#sent.set(
        event,
        paths.flatMap(path => afterRename(path, from, to)),
      );
    for (const path of this.#due.splice(0)) for (const after of afterRename(path, from, to)) this.add(after);
    for (const path of this.#running) {
      for (const after of afterRename(path, from, to)) if (after !== path) this.add(after);
    }
  }
}

/** Where it stands that stood below a path. */
export function afterRename(path: Path, from: Path, to: Path): Path[] {
  if (path === from || isBelow(path, from)) return [`${to}${path.slice(from.length)}` as Path];
  return isBelow(from, path) && to !== path && !isBelow(to, path) ? [path, to] : [path];
}
