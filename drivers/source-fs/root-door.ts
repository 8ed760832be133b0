import {atEmptyPath, atStatxForceSync, type Libc} from './libc.ts';
import {isGone} from './mount.ts';
import {StatxBuffer} from './statx.ts';

/** Which directory is the root of a source, wherever that is mounted. */
export type Root = {path: string; identity: string};

/** The "name of the error" when the root itself does not answer, or is another directory than the one that was opened. */
export const rootLost = 'EROOT';

/**
 * The way into a storage. Its root is open only while a thread works in it, because an open descriptor keeps a storage from being
 * unmounted; and each time it is made sure that it still is the root that was opened.
 */
export class RootDoor {
  readonly #libc: Libc;
  readonly #root: Root;
  readonly #stat = new StatxBuffer();

  constructor(libc: Libc, root: Root) {
    this.#libc = libc;
    this.#root = root;
  }

  /** Gives `work` a descriptor of the root; what it returns, or `rootLost`. */
  enter<T>(work: (root: number) => T): T | typeof rootLost {
    const libc = this.#libc;
    const root = libc.openRoot(Buffer.from(this.#root.path).toString('latin1'));
    if (root < 0) return rootLost;
    try {
      return this.#isSame(root, 0) ? work(root) : rootLost;
    } finally {
      libc.close(root);
    }
  }

  /** What an error below the root means: that of the root, where it does not answer itself. */
  explain(root: number, error: string): string {
    return isGone(error) || this.#isSame(root, atStatxForceSync) ? error : rootLost;
  }

  #isSame(root: number, flags: number): boolean {
    const isRead = this.#libc.statx(root, '', this.#stat.pointer, atEmptyPath | flags);
    return isRead && this.#stat.identity === this.#root.identity;
  }
}
