import {readFileSync} from 'node:fs';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';

type Flags = {file?: string; raw?: boolean};

/** Never from the command line: others see it in the list of processes. */
export const credentialSet: Verb<Flags> = {
  name: 'credential set',
  summary:
    'Store a secret that the configuration names, from stdin or a file. It is kept sealed, and goes to who needs it alone.',
  declare: command =>
    command
      .argument('<name>', 'by which the configuration names it')
      .option('--file <path>', 'take it from this file; else from stdin')
      .option('--raw', 'keep a line break at its end'),
  completes: [{kind: 'credentials'}, 'nothing'],

  run: async ({control, argument, flags, isJson, io}) => {
    const text = flags.file === undefined ? (io.readInput?.() ?? '') : readValue(flags.file);
    const value = flags.raw ? text : text.replace(/\r?\n$/, '');
    if (value === '')
      throw new FustorError('USAGE', 'The value is empty.', {hint: 'Give it on stdin, or with --file.'});
    const {data} = await control.post('credentials', {name: argument, value});
    await io.write(isJson ? jsonDocument({data}) : `${argument} is stored.\n`);
    return 0;
  },
};

function readValue(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FustorError('USAGE', `Cannot read the value: ${(cause as Error).message}.`, {cause});
  }
}
