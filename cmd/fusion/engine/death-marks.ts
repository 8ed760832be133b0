import {closeSync, fstatSync, openSync, readSync, writeSync} from 'node:fs';

export type BatchName = {session: string; number: number};

/** Remembers, past the death of an engine, which batches were under way when it died. */
export interface DeathMarks {
  /** How often in a row an engine died while the batch was under way. */
  deathsOf(batch: BatchName): number;
  begin(batch: BatchName): void;
  /** It did not kill the engine, whatever became of it. */
  end(batch: BatchName): void;
  close(): void;
}

const fileBytes = 4_096;
const deathsKept = 16;

type Content = {underWay: BatchName[]; deaths: (BatchName & {count: number})[]};

/**
 * A small file that is written in place: nothing is flushed, because what a process wrote outlives it, and nothing is
 * allocated, so it works on a full disk too. What cannot be written is not remembered, and that is all.
 *
 * A batch that brings the engine down would come again for ever. All that are under way at a death are marked; which of
 * them it was shows when they come again, because the engine then applies each of them alone. An engine that somebody
 * kills marks batches that do no harm: they are applied when they come again, and forgotten.
 */
export class DeathMarkFile implements DeathMarks {
  readonly #descriptor: number | undefined;
  #underWay: BatchName[] = [];
  #deaths: Content['deaths'];

  constructor(path: string) {
    this.#descriptor = openInPlace(path);
    const {underWay, deaths} = this.#read();
    const counted = underWay.map(batch => ({...batch, count: 1 + (deaths.find(isSame(batch))?.count ?? 0)}));
    const others = deaths.filter(batch => !underWay.some(isSame(batch)));
    this.#deaths = [...others, ...counted].slice(-deathsKept);
    this.#write();
  }

  deathsOf(batch: BatchName): number {
    return this.#deaths.find(isSame(batch))?.count ?? 0;
  }

  begin({session, number}: BatchName): void {
    this.#underWay.push({session, number});
    this.#write();
  }

  end(batch: BatchName): void {
    const isOther = (other: BatchName) => !isSame(batch)(other);
    this.#underWay = this.#underWay.filter(isOther);
    this.#deaths = this.#deaths.filter(isOther);
    this.#write();
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  #read(): Content {
    if (this.#descriptor === undefined) return {underWay: [], deaths: []};
    const bytes = Buffer.alloc(fileBytes);
    readSync(this.#descriptor, bytes, 0, fileBytes, 0);
    try {
      return JSON.parse(bytes.toString()) as Content;
    } catch {
      return {underWay: [], deaths: []}; // new
    }
  }

  #write(): void {
    if (this.#descriptor === undefined) return;
    const text = JSON.stringify({
      underWay: this.#underWay.slice(0, deathsKept),
      deaths: this.#deaths,
    } satisfies Content);
    if (Buffer.byteLength(text) > fileBytes) return;
    writeSync(this.#descriptor, Buffer.from(text.padEnd(fileBytes)), 0, fileBytes, 0);
  }
}

/** For an engine that cannot die. */
export const noDeathMarks: DeathMarks = {deathsOf: () => 0, begin() {}, end() {}, close() {}};

/** Undefined when there is no room for it. */
function openInPlace(path: string): number | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'a+', 0o600);
    if (fstatSync(descriptor).size < fileBytes) writeSync(descriptor, ' '.repeat(fileBytes));
    return openSync(path, 'r+');
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function isSame({session, number}: BatchName): (other: BatchName) => boolean {
  return other => other.session === session && other.number === number;
}
