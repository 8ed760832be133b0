import {FustorError} from '../../core/errors/fustor-error.ts';
import type {SignedManifest} from '../../core/manifest/manifest.ts';
import {readIfThere, writeDurably} from './durable-file.ts';

const signatureBytesMax = 512;

/**
 * The manifest that was accepted last, for a start without the controller: a line with its signature, then its bytes. What
 * is read here is only as good as its signature, which whoever uses it verifies again.
 */
export class ManifestCache {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Undefined: there is none. Throws MANIFEST_REFUSED when it has no signature or cannot be read. */
  read(): SignedManifest | undefined {
    const content = this.#content();
    if (content === undefined) return undefined;
    const end = content.subarray(0, signatureBytesMax).indexOf(0x0a);
    if (end === -1) throw unusable(`${this.#file} does not begin with a signature`);
    return {signature: content.toString('latin1', 0, end), bytes: content.subarray(end + 1)};
  }

  /** Throws when there is no room; then the one before is still there. */
  write({signature, bytes}: SignedManifest): void {
    writeDurably(this.#file, Buffer.concat([Buffer.from(`${signature}\n`), bytes]));
  }

  #content(): Buffer | undefined {
    try {
      return readIfThere(this.#file);
    } catch (error) {
      throw unusable(error instanceof Error ? error.message : String(error));
    }
  }
}

function unusable(reason: string): FustorError {
  return new FustorError('MANIFEST_REFUSED', `The cached manifest is refused: ${reason}.`, {
    hint: 'What runs goes on; the controller sends it again.',
  });
}
