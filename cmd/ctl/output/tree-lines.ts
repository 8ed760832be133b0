import type {TreeNode} from '../api.ts';
import {type TreeEntry, treeEntries} from '../tree-entries.ts';
import {escapeName} from './escape.ts';
import {endedPath, type PathForm} from './path-cell.ts';
import {formatTime} from './time.ts';

/** A line for each entry. The columns have fixed widths, so that a line can go out before the next is known. */
export const treeHeading = `${row('TYPE', 'SIZE', 'MODIFIED', 'STATE')}PATH\n`;

export function treeLines(page: TreeNode): string {
  return Array.from(treeEntries(page), entry => `${treeLine(entry)}\n`).join('');
}

/** Paths alone: escaped for eyes; for programs a `pathLine` each, or their bytes ended by a NUL. */
export function pathLines(page: TreeNode, form: PathForm): Buffer {
  return Buffer.concat(Array.from(treeEntries(page), ({path}) => endedPath(path, form)));
}

function treeLine({path, node}: TreeEntry): string {
  const size = node.content_type === 'file' && node.size !== undefined ? String(node.size) : '-';
  const modified = node.modified_time === undefined ? '-' : formatTime(node.modified_time);
  const state = node.integrity_suspect ? 'suspect' : '-';
  return `${row(node.content_type ?? '-', size, modified, state)}${escapeName(path)}`;
}

function row(type: string, size: string, modified: string, state: string): string {
  return `${type.padEnd(9)}  ${size.padStart(15)}  ${modified.padEnd(30)}  ${state.padEnd(7)}  `;
}
