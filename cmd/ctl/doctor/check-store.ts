import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {systemErrorCode} from '../../../core/errors/fustor-error.ts';
import {fileKind} from '../../../store/file-header.ts';
import type {Check, Finding} from './finding.ts';

/** Views and the controller's state, at most. */
const depthMax = 3;

/** Stores that cannot be read: damaged, or not this user's. What is in them is looked at by their own programs. */
export const checkStore: Check = {
  name: 'store',
  find: ({homes}) => homes.flatMap(({data}) => storesBelow(data, depthMax).flatMap(judge)),
};

function judge(file: string): Finding[] {
  try {
    const kind = fileKind(file);
    if (kind === 'lmdb' || kind === 'new') return [];
    const problem =
      kind === 'cut' ? 'The end of the store is missing.' : 'It is no store, or its beginning is damaged.';
    const remedy = `Put it back from a backup; or, as a view is scanned anew: stop the program and move it away (mv ${file} ${file}.damaged).`;
    return [{subject: file, problem, remedy}];
  } catch (error) {
    const code = systemErrorCode(error) ?? String(error);
    const isOurs = code === 'EACCES' || code === 'EPERM';
    const remedy = isOurs
      ? 'Run this as root or as the user of the service.'
      : 'See what the kernel says of the disk: dmesg -T | tail';
    return [{subject: file, problem: `The store cannot be read: ${code}.`, remedy, ...(isOurs && {isNotice: true})}];
  }
}

/** What a spool keeps goes with its process: it is no state. */
function storesBelow(directory: string, depth: number): string[] {
  try {
    return readdirSync(directory, {withFileTypes: true}).flatMap(entry => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return depth > 0 && entry.name !== 'spool' ? storesBelow(path, depth - 1) : [];
      return entry.name.endsWith('.mdb') ? [path] : [];
    });
  } catch {
    return [];
  }
}
