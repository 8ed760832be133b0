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
    du: {
      summary: 'show how much is in a directory, and in which of its children',
      load: () => load(async () => (await import('./commands/du.ts')).du),
    },
    find: {
      summary: 'find entries by name, type, size and time',
      load: () => load(async () => (await import('./commands/find.ts')).find),
    },
    changes: {
      summary: 'show what was created, modified, deleted and moved; --follow shows it as it happens',
      load: () => load(async () => (await import('./commands/changes.ts')).changes),
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
    agent: {
      summary: 'list and show agents; restart and kill the processes of their pipes',
      load: async () => {
        const {verbGroup} = await import('./verb-group.ts');
        return verbGroup('agent', {
          list: {
            summary: 'list the agents, and whether they are heard',
            load: () => load(async () => (await import('./commands/agent-list.ts')).agentList),
          },
          show: {
            summary: 'show how one agent and its processes are, and how they died last',
            load: () => load(async () => (await import('./commands/agent-show.ts')).agentShow),
          },
          restart: {
            summary: 'have processes of an agent end by themselves and start again',
            load: () => load(async () => (await import('./commands/agent-restart.ts')).agentRestart),
          },
          kill: {
            summary: 'have processes of an agent killed (-9) and started again',
            load: () => load(async () => (await import('./commands/agent-kill.ts')).agentKill),
          },
        });
      },
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
