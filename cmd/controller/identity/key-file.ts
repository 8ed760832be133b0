import {randomBytes} from 'node:crypto';
import {closeSync, fstatSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync} from 'node:fs';
import {dirname, join} from 'node:path';
import type {ControlStore} from '../../../core/control/control-store.ts';
import {FustorError, systemErrorCode} from '../../../core/errors/fustor-error.ts';
import type {Sealing} from '../../../core/identity/sealing.ts';
import {AesSealing, sealingKeyBytes} from './aes-sealing.ts';

const fileName = 'master.key';
const form = /^fustor-master-key-1:([A-Za-z0-9_-]{43})\n?$/;
/** In the table `authority`: something sealed, by which the key of this store is known again. */
const proof = {key: 'sealing', text: 'fustor'} as const;
type StoredProof = {sealed: Uint8Array};

/**
 * What secrets of this controller are sealed with: the key file in its data directory, made when the store has nothing
 * sealed yet. Rejects with SECRETS_UNREADABLE, and has changed nothing, when the file is missing, is of another store, or
 * others may read it.
 */
export async function openSealing(directory: string, store: ControlStore): Promise<Sealing> {
  const file = join(directory, fileName);
  const stored = store.read(txn => txn.record<StoredProof>('authority', proof.key));
  const key = readKey(file) ?? (stored ? undefined : makeKey(file));
  if (!key) {
    throw unreadable(`The key file ${file} is missing, and the secrets of this store are sealed with it`, {
      hint: 'Put it back from a backup. Without it the secrets in this store are lost.',
    });
  }
  const sealing = new AesSealing(key, file);
  if (stored) {
    sealing.open(stored.sealed);
    return sealing;
  }
  const sealed = sealing.seal(Buffer.from(proof.text));
  await store.write(txn => txn.putRecord('authority', proof.key, {sealed} satisfies StoredProof));
  return sealing;
}

function readKey(file: string): Uint8Array | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    throw unreadable(`The key file ${file} cannot be read: ${systemErrorCode(cause) ?? cause}`, {cause});
  }
  try {
    const mode = fstatSync(descriptor).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw unreadable(`The key file ${file} has the mode ${mode.toString(8)}: others than its owner may use it`, {
        hint: `Run "chmod 600 ${file}".`,
      });
    }
    const text = readFileSync(descriptor, 'utf8');
    const key = form.exec(text)?.[1];
    if (key === undefined) {
      throw unreadable(`${file} is not a key file of a controller`, {hint: 'Put it back from a backup.'});
    }
    return Buffer.from(key, 'base64url');
  } finally {
    closeSync(descriptor);
  }
}

/** Whole or not at all: it is on the disk before it has its name, and before anything is sealed with it. */
function makeKey(file: string): Uint8Array {
  const key = randomBytes(sealingKeyBytes);
  const partial = `${file}.new`;
  try {
    rmSync(partial, {force: true});
    const descriptor = openSync(partial, 'wx', 0o600);
    writeSync(descriptor, `fustor-master-key-1:${key.toString('base64url')}\n`);
    fsyncSync(descriptor);
    closeSync(descriptor);
    linkSync(partial, file); // unlike a rename it replaces nothing
    rmSync(partial);
    syncDirectory(dirname(file));
  } catch (cause) {
    throw new FustorError(
      'DATA_DIR_UNUSABLE',
      `Cannot make the key file ${file}: ${systemErrorCode(cause) ?? cause}.`,
      {
        cause,
      },
    );
  }
  return key;
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function unreadable(found: string, options: {cause?: unknown; hint?: string}): FustorError {
  return new FustorError('SECRETS_UNREADABLE', `${found}.`, options);
}
