import {isUtf8} from 'node:buffer';
import type {FileProblem} from '../../../core/control/desired-state.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';

/** An entry of `git ls-tree -r -z -l`. A name is bytes. */
export type TreeEntry = {mode: string; object: string; bytes: number; path: Buffer};

/** A configuration is text that people write. */
const limits = {fileBytes: 2 ** 20, totalBytes: 32 * 2 ** 20, files: 20_000};

const symbolicLink = '120000';
const submodule = '160000';

export function parseTree(listing: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < listing.byteLength; ) {
    const end = listing.indexOf(0, at);
    const tab = listing.indexOf(0x09, at);
    const [mode = '', , object = '', size = ''] = listing.toString('latin1', at, tab).split(/ +/);
    entries.push({mode, object, bytes: Number(size) || 0, path: listing.subarray(tab + 1, end)});
    at = end + 1;
  }
  return entries;
}

/**
 * Which of them are files of the configuration, and what could be meant as one and is none: a link is not followed, what it
 * leads to may be anywhere. Names that begin with a dot belong to tools. Throws GIT_FAILED when there is too much.
 */
export function chooseFiles(entries: readonly TreeEntry[]): {
  chosen: {path: string; object: string}[];
  problems: FileProblem[];
} {
  const chosen: {path: string; object: string}[] = [];
  const problems: FileProblem[] = [];
  let totalBytes = 0;
  for (const entry of entries) {
    const path = entry.path.toString();
    if (/(^|\/)\./.test(path)) continue;
    const reason = unreadable(entry) ?? (isYaml(path) ? unusable(entry) : undefined);
    if (reason !== undefined) problems.push({file: path, message: `${path}: ${reason}`});
    if (reason !== undefined || !isYaml(path)) continue;
    totalBytes += entry.bytes;
    chosen.push({path, object: entry.object});
  }
  if (totalBytes <= limits.totalBytes && chosen.length <= limits.files) return {chosen, problems};
  throw new FustorError(
    'GIT_FAILED',
    `The folder has ${chosen.length} YAML files of ${totalBytes} bytes together; at most ${limits.files} of ` +
      `${limits.totalBytes} bytes are read.`,
    {hint: 'Set "path" to the folder that holds the configuration.'},
  );
}

function isYaml(path: string): boolean {
  return /\.ya?ml$/.test(path);
}

function unreadable({mode}: TreeEntry): string | undefined {
  if (mode === submodule) return 'it is a submodule, whose files are not read';
  return mode === symbolicLink ? 'it is a symbolic link, which is not followed' : undefined;
}

function unusable({path, bytes}: TreeEntry): string | undefined {
  if (!isUtf8(path)) return 'its name is not UTF-8';
  return bytes > limits.fileBytes ? `it has ${bytes} bytes, more than ${limits.fileBytes}` : undefined;
}

/** The contents that `git cat-file --batch` tells, in the order in which they were asked for. */
export function parseBlobs(told: Buffer): Buffer[] {
  const blobs: Buffer[] = [];
  for (let at = 0; at < told.byteLength; ) {
    const lineEnd = told.indexOf(0x0a, at);
    const [object, type, size] = told.toString('latin1', at, lineEnd).split(' ');
    if (type !== 'blob') throw new FustorError('GIT_FAILED', `The object ${object} is not there as a file: ${type}.`);
    at = lineEnd + 1 + Number(size) + 1;
    blobs.push(told.subarray(lineEnd + 1, at - 1));
  }
  return blobs;
}

export function textOf(content: Buffer): string | undefined {
  return isUtf8(content) ? content.toString() : undefined;
}

/** More than all files together, with a line for each. */
export const blobBytesMax = limits.totalBytes + limits.files * 128;
