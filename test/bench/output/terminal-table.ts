import Table from 'cli-table3';
import {markOf, type Row, valueText} from '../rows.ts';

/** All figures, as wide as the terminal: what they are measured against is wrapped, never cut off. */
export function terminalTable(rows: readonly Row[], width: number): string {
  const cells = rows.map(row => [markOf(row), row.name, valueText(row), row.goal, row.against]);
  const headings = ['', 'FIGURE', 'VALUE', 'GOAL', 'AGAINST'];
  const widest = (column: number) => Math.max(...[headings, ...cells].map(row => [...row[column]!].length));
  const [mark, value, goal] = [1, Math.min(28, widest(2)), widest(3)];
  const name = Math.min(widest(1), Math.max(30, Math.floor(width * 0.35)));
  const against = Math.max(30, width - mark - name - value - goal - 4 * gap);
  const table = new Table({
    head: headings,
    colWidths: [mark, name, value, goal, against].map(columnWidth => columnWidth + gap),
    colAligns: ['left', 'left', 'right', 'right', 'left'],
    wordWrap: true,
    chars: Object.fromEntries(borders.map(border => [border, ''])),
    style: {'padding-left': 0, 'padding-right': gap, head: [], border: []},
  });
  table.push(...cells);
  return table.toString().replace(/ +$/gm, '');
}

const gap = 2;
const borders = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
];
