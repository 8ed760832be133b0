/**
 * Keeps secrets so that who reads the store without the key file learns nothing of them, and who changes one is noticed.
 * Sealing the same bytes twice gives other bytes.
 */
export interface Sealing {
  seal(bytes: Uint8Array): Uint8Array;
  /** Throws SECRETS_UNREADABLE when it was sealed with another key, or is not what was sealed. */
  open(sealed: Uint8Array): Uint8Array;
}
