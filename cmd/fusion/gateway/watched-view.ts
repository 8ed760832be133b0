import type {Path} from '../../../core/entry/path.ts';
import {type ChangePlace, encodeChangePlace, newestPlace} from '../../../core/query/change-place.ts';
import {ChangeReader} from '../../../core/query/change-reader.ts';
import type {TreeReader} from '../../../core/tree/tree-store.ts';

/** Changes as server-sent events. `now` is where the view was when they were read. */
export type WatchChunk = {bytes: Buffer; place: ChangePlace; isAtEnd: boolean; now: string};

/** How often the store is asked whether there is something new, while somebody watches. One look takes some microseconds. */
const lookEveryMs = 10;
const chunkRows = 200;
const chunkBytes = 32 * 1024;
const keptMax = 64;

/**
 * A view as all that watch it through one gateway share it: one look at the store tells all of them whether something
 * changed, and those that are at the same place get the same bytes.
 */
export class WatchedView {
  readonly #reader: TreeReader;
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #now = '';
  readonly #chunks = new Map<string, WatchChunk>();

  constructor(reader: TreeReader) {
    this.#reader = reader;
  }

  /** What comes behind a place. Throws CHANGES_GONE. */
  chunk(path: Path, place: ChangePlace): WatchChunk {
    return this.#reader.read(txn => {
      const now = encodeChangePlace(newestPlace(txn));
      if (now !== this.#now) this.#isNow(now);
      const key = `${encodeChangePlace(place)} ${path}`;
      const kept = this.#chunks.get(key);
      if (kept) return kept;
      const reader = new ChangeReader(path, place);
      const events: string[] = [];
      let length = 0;
      const isAtEnd = reader.read(txn, ({json, place}) => {
        events.push(`id: ${place}\ndata: ${json}\n\n`);
        length += json.length;
        return events.length < chunkRows && length < chunkBytes;
      });
      const chunk = {bytes: Buffer.from(events.join('')), place: reader.place, isAtEnd, now};
      if (this.#chunks.size < keptMax) this.#chunks.set(key, chunk);
      return chunk;
    });
  }

  /** Resolves when the view is not at `now` any more (true), when the time is over, and when `signal` aborts. */
  news(now: string, {ms, signal}: {ms: number; signal: AbortSignal}): Promise<boolean> {
    if (now !== this.#now || signal.aborted) return Promise.resolve(!signal.aborted);
    return new Promise(resolve => {
      const done = (hasNews: boolean) => {
        this.#waiting.delete(onNews);
        clearTimeout(timer);
        signal.removeEventListener('abort', onEnd);
        resolve(hasNews);
      };
      const onNews = () => done(true);
      const onEnd = () => done(false);
      const timer = setTimeout(onEnd, ms);
      signal.addEventListener('abort', onEnd, {once: true});
      this.#waiting.add(onNews);
      this.#timer ??= setTimeout(() => this.#look(), lookEveryMs);
    });
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    const now = this.#reader.read(txn => encodeChangePlace(newestPlace(txn)));
    if (now !== this.#now) this.#isNow(now);
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => this.#look(), lookEveryMs);
  }

  #isNow(now: string): void {
    this.#now = now;
    this.#chunks.clear();
    for (const tell of [...this.#waiting]) tell();
  }
}
