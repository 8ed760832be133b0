import type {TreeNode} from '../api.ts';
import {type TreeEntry, treeEntries} from '../tree-entries.ts';
import {escapeName} from './escape.ts';
import {formatTime} from './time.ts';

/** A line for each entry. The columns have fixed widths, so that a line can go out before the next is known. */
export const treeHeading = `${row('TYPE', 'SIZE', 'MODIFIED', 'STATE')}PATH\n`;

export function treeLines(page: TreeNode): string {
  return Array.from(treeEntries(page), entry => `${treeLine(entry)}\n`).join('');
}

/** Paths alone: escaped for eyes; raw for programs, which read bytes and want them to end in a newline or a NUL. */
export function pathLines(page: TreeNode, form: 'escaped' | 'newline' | 'nul'): Buffer {
  const end = Buffer.from(form === 'nul' ? '\0' : '\n');
  const paths = Array.from(treeEntries(page), ({path}) => (form === 'escaped' ? Buffer.from(escapeName(path)) : path));
  return Buffer.concat(paths.flatMap(path => [path, end]));
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
