import type {JsonObject} from '../exact-json.ts';
import {cell} from './table.ts';

const width = 9;

/** What needs somebody to act, three lines each: what and since when, the sentence, the command to type next. */
export function problemList(problems: JsonObject[]): string {
  return problems.map(shown).join('');
}

function shown({severity, subject, since, problem, next}: JsonObject): string {
  const began = since === null || since === undefined ? '' : `  since ${cell('since', since)}`;
  const lines = [`${cell('subject', subject)}${began}`, cell('problem', problem), `$ ${cell('next', next)}`];
  const head = cell('severity', severity).toUpperCase().padEnd(width);
  return lines.map((line, at) => `${at === 0 ? head : ' '.repeat(width)}${line}\n`).join('');
}
