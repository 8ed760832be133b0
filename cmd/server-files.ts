import {readFileSync} from 'node:fs';
import {createSecureContext} from 'node:tls';
import type {ServerFiles} from '../core/config/schema.ts';
import {FustorError} from '../core/errors/fustor-error.ts';

/** Certificate and key of a server, PEM. Throws CONFIG_INVALID when they cannot be used. */
export function readServerFiles(files: ServerFiles): {cert: string; key: string} {
  try {
    const cert = readFileSync(files.certificate, 'utf8');
    const key = readFileSync(files.key, 'utf8');
    createSecureContext({cert, key});
    return {cert, key};
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FustorError('CONFIG_INVALID', `Certificate and key of the server cannot be used: ${reason}.`, {
      cause,
      hint: `Check ${files.certificate} and ${files.key}: both in PEM, and belonging together.`,
    });
  }
}
