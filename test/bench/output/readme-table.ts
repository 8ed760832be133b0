import {markOf, type Row, valueText} from '../rows.ts';

export const beginMark = '<!-- figures: written by npm run bench -- --publish -->';
export const endMark = '<!-- /figures -->';

/** The figures with goals as Markdown; what they were measured on above it. */
export function readmeTable(rows: readonly Row[]): string {
  const judged = rows.filter(({met}) => met !== null);
  const machine = rows.find(({name}) => name === 'measured on');
  return [
    ...(machine ? [`${valueText(machine)}; ${machine.against}.`, ''] : []),
    '| | | goal | | against |',
    '|---|---|---|---|---|',
    ...judged.map(row => {
      return `| ${[escaped(row.name), valueText(row), row.goal, markOf(row), escaped(row.against)].join(' | ')} |`;
    }),
  ].join('\n');
}

/** A README with another table between the marks. */
export function withTable(readme: string, rows: readonly Row[]): string {
  const [begin, end] = [readme.indexOf(beginMark), readme.indexOf(endMark)];
  if (begin === -1 || end < begin) throw new Error(`The README has no lines "${beginMark}" and "${endMark}".`);
  return `${readme.slice(0, begin + beginMark.length)}\n${readmeTable(rows)}\n${readme.slice(end)}`;
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
