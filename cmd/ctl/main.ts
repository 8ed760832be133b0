import {type Command, runProgram} from '../run-program.ts';
import {exitCodesHelp} from './exit-codes.ts';
import type {Verb} from './verb.ts';

const name = 'fustorctl';

void runProgram({
  name,
  commands: {
    tree: {
      summary: 'list a directory, or everything below it',
      load: () => load(async () => (await import('./commands/tree.ts')).tree),
    },
    stat: {
      summary: 'show everything known about one file or directory',
      load: () => load(async () => (await import('./commands/stat.ts')).stat),
    },
    status: {
      summary: 'show how fresh and complete the views are',
      load: () => load(async () => (await import('./commands/status.ts')).status),
    },
    scan: {
      summary: 'have a path scanned now',
      load: () => load(async () => (await import('./commands/scan.ts')).scan),
    },
    jobs: {
      summary: 'list the scans: those that wait, run, and the last that have ended',
      load: () => load(async () => (await import('./commands/jobs.ts')).jobs),
    },
    'blind-spots': {
      summary: 'list what no watcher saw and a scan found',
      load: () => load(async () => (await import('./commands/blind-spots.ts')).blindSpots),
    },
    suspects: {
      summary: 'list the files that may still be being written',
      load: () => load(async () => (await import('./commands/suspects.ts')).suspects),
    },
    'self-check': {
      summary: 'try every part of this executable on this machine',
      load: async () => {
        const {checkHttp, selfCheck} = await import('../self-check.ts');
        return selfCheck(name, {http: checkHttp});
      },
    },
  },
  notes: `"${name} COMMAND --help" explains a command.\n\n${exitCodesHelp}`,
});

/** Only the verb that is called is loaded, and none for `--version`. */
async function load<Flags extends object>(importVerb: () => Promise<Verb<Flags>>): Promise<Command> {
  const [{runVerb}, verb] = await Promise.all([import('./verb.ts'), importVerb()]);
  return args => runVerb(verb, args);
}
