import {randomBytes} from 'node:crypto';
import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {kinds, newEntryFrom, zeroTime} from '../core/entry/entry.ts';
import {FustorError} from '../core/errors/fustor-error.ts';
import {rootName, type TreeReader, type TreeStore} from '../core/tree/tree-store.ts';
import {type Databases, getNumber, openDatabases, putText} from './databases.ts';
import {Environment} from './environment.ts';
import {fileKind} from './file-header.ts';
import {tryLock} from './file-lock.ts';
import {prepareLocalDirectory} from './local-disk.ts';
import {cutOff, migrate, notOurs} from './migrations/migrate.ts';
import {proveRoom} from './room.ts';
import {storeError} from './store-error.ts';
import {LmdbTreeRead} from './tree-read.ts';
import {LmdbTreeReader, type OnFault} from './tree-reader.ts';
import {LmdbTreeWrite} from './tree-write.ts';
import {WrittenStore} from './written-store.ts';

type TreeEnvironment = Environment<Databases, LmdbTreeWrite>;

const fileName = 'tree.mdb';
const changeLogBytesDefault = 64 * 2 ** 20;

/**
 * Opens a view's tree to write: makes it when it is missing, brings an older format up to date. Throws DATA_DIR_UNUSABLE (no
 * access, a network file system, another process has it) or STORE_FORMAT; nothing was changed then. `newId` becomes the id of a
 * store that has none yet.
 */
export async function openTreeStore(
  directory: string,
  {changeLogBytesMax = changeLogBytesDefault, newId = randomId()} = {},
): Promise<TreeStore> {
  prepareLocalDirectory(directory);
  const lock = tryLock(join(directory, 'writer.lock'));
  if (!lock) {
    throw new FustorError(
      'DATA_DIR_UNUSABLE',
      `Cannot open the store ${directory}: another process is writing to it.`,
      {
        hint: 'Stop the other fusion, or give each its own "data" directory.',
      },
    );
  }
  try {
    const path = join(directory, fileName);
    const kind = fileKind(path);
    if (kind === 'foreign') throw notOurs(path);
    if (kind === 'cut') throw cutOff(path);
    // What is left of one whose making was cut off.
    if (kind === 'new') {
      rmSync(path, {force: true});
      proveRoom(path);
    }
    const environment: TreeEnvironment = new Environment(path, {
      open: () => openDatabases(path, {readOnly: false})!,
      writingTo: db => new LmdbTreeWrite(db, {changeLogBytesMax}),
    });
    try {
      plant(environment, newId);
      migrate(environment.db, {path, newId});
      environment.writing.forget(); // what a migration changed
      return new WrittenStore(environment, db => new LmdbTreeRead(db), {directory, release: () => lock.release()});
    } catch (error) {
      await environment.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw storeError(error, directory) ?? error;
  }
}

/**
 * Opens a view's tree to read, from any process, at any time: until the engine has made it, it reads as an empty tree, and
 * while it cannot be read as one that says so.
 */
export function openTreeReader(directory: string, onFault?: OnFault): TreeReader {
  return new LmdbTreeReader(join(directory, fileName), onFault);
}

/** A new store has a root of which nothing is known. Its format is written after it: a reader waits for that. */
function plant({db, writing: tree}: TreeEnvironment, id: string): void {
  if (getNumber(db, 'nextDirectory') !== undefined) return;
  const attributes = {kind: kinds.directory, size: 0, mtime: zeroTime, ctime: zeroTime};
  db.root.transactionSync(() => {
    tree.plant({...newEntryFrom(rootName, attributes), hasAttributes: false});
    tree.flush();
    putText(db, 'storeId', id);
  });
}

function randomId(): string {
  return randomBytes(6).toString('base64url');
}
