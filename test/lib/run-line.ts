import type {Io} from '../../cmd/ctl/io.ts';
import {runVerb} from '../../cmd/ctl/verb.ts';
import {findVerb} from '../../cmd/ctl/verb-table.ts';

export type LineSettings = Partial<Pick<Io, 'isTerminal' | 'readInput' | 'ask'>> & {env?: NodeJS.ProcessEnv};

/** Runs a line of `fustorctl` in this process, words by blanks, and tells what it wrote and its exit code. */
export async function runLine(line: string, {env = {}, isTerminal = false, ...rest}: LineSettings = {}) {
  const words = line.split(' ');
  const found = findVerb(words);
  if (!found) throw new Error(`There is no verb in "${line}".`);
  let [out, err] = ['', ''];
  const exit = await runVerb(await found.entry.load(), words.slice(found.length), {
    env: {PATH: process.env.PATH, ...env},
    isTerminal,
    write: async data => {
      out += Buffer.from(data as string).toString();
    },
    notice: text => {
      err += `${text}\n`;
    },
    ...rest,
  });
  return {exit, out, err};
}
