import type {TreeNode} from '../api.ts';
import {type TreeEntry, treeEntries} from '../tree-entries.ts';
import {escapeName} from './escape.ts';
import {formatTime} from './time.ts';

/** A line for each entry. The columns have fixed widths, so that a line can go out before the next is known. */
export const treeHeading = `${row('TYPE', '', 'SIZE', 'MODIFIED')}PATH\n`;

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
  return `${row(node.content_type ?? '-', node.integrity_suspect ? '?' : '', size, modified)}${escapeName(path)}`;
}

function row(type: string, mark: string, size: string, modified: string): string {
  return `${type.padEnd(9)}  ${mark.padEnd(1)}${size.padStart(15)}  ${modified.padEnd(30)}  `;
}
