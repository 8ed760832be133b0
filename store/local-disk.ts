import {accessSync, constants, existsSync, mkdirSync, statfsSync} from 'node:fs';
import {dirname} from 'node:path';
import {FustorError, systemErrorCode} from '../core/errors/fustor-error.ts';

/** Magic numbers of statfs(2). LMDB maps its file and locks it with shared memory: over a network both break silently. */
const networkFileSystems: Record<number, string> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB2',
  12805120: 'Ceph',
  198183888: 'Lustre',
  1397113167: 'AFS',
  16914839: '9p',
  1196443219: 'GPFS',
};

/** Makes the directory (mode 700) when it is missing. Throws DATA_DIR_UNUSABLE. */
export function prepareLocalDirectory(
  directory: string,
  statfs: (path: string) => {type: number} = path => statfsSync(path),
): void {
  try {
    makeDirectories(directory);
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new FustorError(
      'DATA_DIR_UNUSABLE',
      `Cannot make or write the data directory ${directory}: ${systemErrorCode(cause)}.`,
      {cause, hint: 'Let this user write there, or choose another "data" in the configuration.'},
    );
  }
  const network = networkFileSystems[statfs(directory).type >>> 0];
  if (network === undefined) return;
  throw new FustorError(
    'DATA_DIR_UNUSABLE',
    `The data directory ${directory} is on a network file system (${network}).`,
    {hint: 'Choose a "data" directory on a local disk.'},
  );
}

/** Node's own `recursive` goes round for ever where a name cannot be made though its parent exists, as in `/proc`. */
function makeDirectories(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectories(dirname(directory));
  mkdirSync(directory, {mode: 0o700});
}
