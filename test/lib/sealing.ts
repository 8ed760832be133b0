import {AesSealing} from '../../cmd/controller/identity/aes-sealing.ts';

/** With a key that everybody knows. */
export const testSealing = new AesSealing(new Uint8Array(32), 'the key of the tests');
