import {decodeKept, encodeKept, type Kept, nothingKept} from '../../core/node/kept-records.ts';
import {readIfThere, writeDurably} from './durable-file.ts';

/** What a node has applied, in a file of its data directory. */
export class KeptFile<C> {
  readonly #file: string;
  readonly #isConfig: (config: unknown) => config is C;

  constructor(file: string, isConfig: (config: unknown) => config is C) {
    this.#file = file;
    this.#isConfig = isConfig;
  }

  /** `problem`: there was something, and it cannot be used. */
  read(): {kept: Kept<C>; problem?: string} {
    try {
      const text = readIfThere(this.#file)?.toString();
      return {kept: text === undefined ? nothingKept : decodeKept(text, this.#isConfig)};
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return {kept: nothingKept, problem: `${this.#file}: ${reason}`};
    }
  }

  /** Throws when there is no room. */
  write(kept: Kept<C>): void {
    writeDurably(this.#file, encodeKept(kept));
  }
}
