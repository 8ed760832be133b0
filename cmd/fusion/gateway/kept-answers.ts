import type {TreeRead} from '../../../core/tree/tree-store.ts';
import type {Chunks} from './send-chunks.ts';

/** `from` and `until`: the wall time in which it would be the same if nobody writes anything. */
export type KeptAnswer = {snapshotId: string | undefined; from: number; until: number; chunks: Chunks};

/** For what is kept beside the bytes. */
const overheadBytes = 1024;

/**
 * Whole answers of one chunk, to be sent again as long as nothing at all was written to the view: then one made anew would have
 * the same bytes, `meta` included. Those that were asked for last, up to `bytesMax`.
 */
export class KeptAnswers {
  readonly #bytesMax: number;
  /** By question, the one not asked for the longest time first. */
  readonly #kept = new Map<string, KeptAnswer>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What would be answered from this snapshot now. */
  find(question: string, txn: TreeRead, nowMs: number): Chunks | undefined {
    const kept = this.#kept.get(question);
    if (!kept) return undefined;
    const isSame = kept.snapshotId === txn.snapshotId() && nowMs >= kept.from && nowMs <= kept.until;
    this.#drop(question, kept);
    if (isSame) this.#put(question, kept);
    return isSame ? kept.chunks : undefined;
  }

  /** `chunks` are done with the first, whose pieces must stay as they are. */
  keep(question: string, {chunks, ...rest}: KeptAnswer): void {
    if (rest.snapshotId === undefined) return;
    const earlier = this.#kept.get(question);
    if (earlier) this.#drop(question, earlier);
    const {first, contentType, etag, headers} = chunks;
    // Nothing of the request that it was made for, which the functions would hold.
    this.#put(question, {
      ...rest,
      chunks: {first: first.map(ofItsOwn), next: nothing, isDone: true, contentType, etag, headers},
    });
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#drop(oldest, kept);
    }
  }

  #put(question: string, kept: KeptAnswer): void {
    this.#kept.set(question, kept);
    this.#bytes += sizeOf(question, kept);
  }

  #drop(question: string, kept: KeptAnswer): void {
    this.#kept.delete(question);
    this.#bytes -= sizeOf(question, kept);
  }
}

/** What is a part of something larger would keep all of it. */
function ofItsOwn(piece: Uint8Array): Uint8Array {
  return piece.byteLength === piece.buffer.byteLength ? piece : new Uint8Array(piece);
}

function nothing(): undefined {}

function sizeOf(question: string, {chunks}: KeptAnswer): number {
  return chunks.first.reduce((sum, {byteLength}) => sum + byteLength, 2 * question.length + overheadBytes);
}
