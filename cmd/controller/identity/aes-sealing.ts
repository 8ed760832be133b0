import {createCipheriv, createDecipheriv, randomBytes} from 'node:crypto';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Sealing} from '../../../core/identity/sealing.ts';

export const sealingKeyBytes = 32;
const algorithm = 'aes-256-gcm';
const format = 1;
const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM: a byte for the format, a random nonce, the tag, what is sealed. `file` is where the key is from. */
export class AesSealing implements Sealing {
  readonly #key: Uint8Array;
  readonly #file: string;

  constructor(key: Uint8Array, file: string) {
    this.#key = key;
    this.#file = file;
  }

  seal(bytes: Uint8Array): Uint8Array {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.#key, nonce, {authTagLength: tagBytes});
    const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
    return Buffer.concat([Buffer.of(format), nonce, cipher.getAuthTag(), sealed]);
  }

  open(sealed: Uint8Array): Uint8Array {
    const bytes = Buffer.from(sealed);
    try {
      if (bytes[0] !== format) throw new Error(`format ${bytes[0]}`);
      const tagAt = 1 + nonceBytes;
      const decipher = createDecipheriv(algorithm, this.#key, bytes.subarray(1, tagAt), {authTagLength: tagBytes});
      decipher.setAuthTag(bytes.subarray(tagAt, tagAt + tagBytes));
      return Buffer.concat([decipher.update(bytes.subarray(tagAt + tagBytes)), decipher.final()]);
    } catch (cause) {
      throw new FustorError('SECRETS_UNREADABLE', `What is sealed in the store cannot be opened with ${this.#file}.`, {
        cause,
        hint: 'Put back the key file that this store was made with; nothing was changed.',
      });
    }
  }
}
