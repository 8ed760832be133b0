import {hash, randomBytes} from 'node:crypto';

/** What can be sent as a key. They are 256 random bits, and only their SHA-256 is stored. */
export const tokenPrefixes = {node: 'fustor_node_', enrol: 'fustor_enroll_', key: 'fustor_key_'} as const;
export type TokenKind = keyof typeof tokenPrefixes;

export function newToken(kind: TokenKind): string {
  return tokenPrefixes[kind] + randomBytes(32).toString('base64url');
}

/** In hexadecimal. */
export function tokenHash(token: string): string {
  return hash('sha256', token);
}

export function isEnrolToken(token: string): boolean {
  return token.startsWith(tokenPrefixes.enrol);
}
