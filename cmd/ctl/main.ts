import {type Command, type ProgramDefinition, runProgram} from '../run-program.ts';
import {exitCodesHelp} from './exit-codes.ts';
import {formIn} from './output/form-names.ts';
import {type NounEntry, type VerbEntry, verbSections} from './verb-table.ts';

const name = 'fustorctl';
const argv = process.argv.slice(2);

const definition: ProgramDefinition = {
  name,
  commands: {
    ...Object.fromEntries(
      Object.entries(verbSections).flatMap(([section, entries]) =>
        Object.entries(entries).map(([word, entry]) => [
          word,
          {summary: entry.summary, section, load: () => commandOf(word, entry)},
        ]),
      ),
    ),
    'self-check': {
      summary: 'try every part of this executable on this machine',
      section: 'Here',
      load: async () => {
        const {checkHttp, selfCheck} = await import('../self-check.ts');
        return selfCheck(name, {http: checkHttp});
      },
    },
    // For "doctor": a look that may never come back.
    __look: {
      load: async () => {
        const {tellLook} = await import('./doctor/look-at.ts');
        return async ([path = '/']) => {
          process.stdout.write(tellLook(path));
          return 0;
        };
      },
    },
    // For the scripts of "completion": the words that are typed, candidates for the last one on stdout.
    __complete: {
      load: async () => {
        const {candidates} = await import('./complete.ts');
        return async words => {
          const found = await candidates(words, process.env);
          process.stdout.write(found.map(word => `${word}\n`).join(''), () => process.exit(0));
          return 0;
        };
      },
    },
  },
  // Of a verb that does not exist; verbs tell their errors themselves.
  tellError: (error, argv) => {
    const form = formIn(argv);
    if (form === 'json') process.stdout.write(`${JSON.stringify(error.toBody(), null, 2)}\n`);
    return form === 'json';
  },
  notes: `"${name} COMMAND --help" explains a command.\n\n${exitCodesHelp}`,
};

// "help tree" is what other programs call "tree --help".
void runProgram(definition, argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv);

/** Only the verb that is called is imported, and none for `--version`. */
async function commandOf(word: string, entry: VerbEntry | NounEntry): Promise<Command> {
  if ('verbs' in entry) {
    const {verbGroup} = await import('./verb-group.ts');
    return verbGroup(
      word,
      Object.fromEntries(
        Object.entries(entry.verbs).map(([verb, one]) => [
          verb,
          {summary: one.summary, load: () => commandOf(`${word} ${verb}`, one)},
        ]),
      ),
    );
  }
  const [{runVerb}, verb] = await Promise.all([import('./verb.ts'), entry.load()]);
  return args => runVerb(verb, args);
}
