import {mkdirSync, renameSync, symlinkSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {buildLmdbAddon} from '../../build/lmdb-addon.ts';
import {cacheDirectory, targets} from '../../build/target.ts';

/**
 * Lets the tests, and the processes that they start, use the LMDB that is in the executables: it differs from the one that npm
 * brings in how it fails (`corrections` in `build/lmdb-addon.ts`). Compiled when it is not there yet.
 */
export async function setup(): Promise<void> {
  const folder = join(cacheDirectory, 'lmdb-for-tests');
  const link = join(folder, 'build/Release/lmdb.node');
  mkdirSync(dirname(link), {recursive: true});
  symlinkSync(await buildLmdbAddon(targets.x64), `${link}.${process.pid}`);
  renameSync(`${link}.${process.pid}`, link);
  process.env.LMDB_PREBUILD = folder;
}
