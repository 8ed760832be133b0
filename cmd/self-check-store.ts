import {once} from 'node:events';
import {accessSync, constants, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {open} from 'lmdb';
import {openThread} from './program.ts';
import type {Check} from './self-check.ts';
import type {SelfCheckThreadData} from './self-check-thread.ts';

/**
 * Writes to a temporary LMDB and reads it back, here and in a worker thread that opens the same environment.
 * The value is long and repetitive, so that it passes through the compression of the native addon.
 */
export const checkStore: Check = async () => {
  const path = mkdtempSync(join(writableDirectory(), 'fustor-self-check-'));
  const store = open<string, string>({path, compression: true});
  try {
    const written = 'fustor '.repeat(1000);
    await store.put('key', written);
    const read = store.get('key');
    if (read !== written) throw new Error(`read back ${read?.length ?? 'nothing'} of ${written.length} characters`);

    const workerData: SelfCheckThreadData = {path, key: 'key'};
    const thread = openThread('self-check', {workerData});
    const [readInThread] = await once(thread, 'message');
    await once(thread, 'exit');
    if (readInThread !== written) throw new Error('a worker thread read something else from the same environment');
    return {directory: path};
  } finally {
    await store.close();
    rmSync(path, {recursive: true, force: true});
  }
};

/** On a host whose `/tmp` is read-only, `/dev/shm` mostly is not. */
function writableDirectory(): string {
  const candidates = [tmpdir(), '/dev/shm', process.cwd()];
  const found = candidates.find(directory => isWritable(directory));
  if (!found) throw new Error(`none of ${candidates.join(', ')} can be written; set TMPDIR`);
  return found;
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
