import type {Io} from '../io.ts';
import {escapeName} from './escape.ts';

const colours = {'+': 32, '-': 31, '@': 36} as const;

/** A unified diff; coloured where eyes read it and `NO_COLOR` is not set, with nothing in it that a terminal would obey. */
export function diffText(diff: string, {isTerminal, env}: Pick<Io, 'isTerminal' | 'env'>): string {
  if (!isTerminal) return diff;
  const lines = diff.split('\n').map(line =>
    line
      .split('\t')
      .map(part => escapeName(Buffer.from(part)))
      .join('\t'),
  );
  if (env.NO_COLOR) return lines.join('\n');
  return lines.map(coloured).join('\n');
}

function coloured(line: string): string {
  if (/^(---|\+\+\+) /.test(line)) return `\x1b[1m${line}\x1b[0m`;
  const colour = colours[line[0] as keyof typeof colours];
  return colour === undefined ? line : `\x1b[${colour}m${line}\x1b[0m`;
}
