import type {Row} from '../rows.ts';

/** What `--json` writes. */
export function rowsFile(rows: readonly Row[]): string {
  return `${JSON.stringify({rows}, undefined, 2)}\n`;
}
