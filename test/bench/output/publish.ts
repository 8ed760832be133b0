import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Row} from '../rows.ts';
import {picture} from './picture.ts';
import {withTable} from './readme-table.ts';
import {rowsFile} from './rows-file.ts';

const root = join(import.meta.dirname, '../../..');

/** What is published: its places below the root. */
export const published = {
  rows: 'test/bench/figures.json',
  picture: 'test/bench/figures.svg',
  readme: 'README.md',
} as const;

/** All three from the same rows, so that they say the same. Returns what was written. */
export function publish(rows: readonly Row[]): string[] {
  const readme = readFileSync(join(root, published.readme), 'utf8');
  const texts = {rows: rowsFile(rows), picture: picture(rows), readme: withTable(readme, rows)};
  for (const name of ['rows', 'picture', 'readme'] as const) writeFileSync(join(root, published[name]), texts[name]);
  return Object.values(published);
}
