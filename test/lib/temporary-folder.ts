import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/** A new folder, gone with the end of the block that declares it with `using`, or with `remove`. */
export function temporaryFolder(prefix = 'fustor-test-'): {path: string; remove(): void; [Symbol.dispose](): void} {
  const path = mkdtempSync(join(tmpdir(), prefix));
  const remove = () => rmSync(path, {recursive: true, force: true});
  return {path, remove, [Symbol.dispose]: remove};
}
