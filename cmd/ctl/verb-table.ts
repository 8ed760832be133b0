import type {Verb} from './verb.ts';

/** One line for `--help`, and the verb, imported only when it is called. */
export type VerbEntry = {summary: string; load: () => Promise<Verb<object>>};
/** A noun with its verbs: `fustorctl NOUN VERB …`. */
export type NounEntry = {summary: string; verbs: Record<string, VerbEntry>};

/** All that `fustorctl` can do, as its help shows it: under headings. */
export const verbSections: Record<string, Record<string, VerbEntry | NounEntry>> = {
  'See what should be and what is': {
    status: {
      summary: 'show what needs somebody to act, and how fresh the views are',
      load: async () => (await import('./commands/status.ts')).status,
    },
    wait: {
      summary: 'wait until something is applied, online, complete, deleted, or a job has ended',
      load: async () => (await import('./commands/wait.ts')).wait,
    },
    get: {
      summary: 'list agents, pipes, views, fusions, sessions, keys, revisions and other kinds',
      load: async () => (await import('./commands/get.ts')).get,
    },
    describe: {
      summary: 'one page about one of them: desired, actual, last failure, what to do next',
      load: async () => (await import('./commands/describe.ts')).describe,
    },
  },
  'Ask the views': {
    tree: {
      summary: 'list a directory, or everything below it',
      load: async () => (await import('./commands/tree.ts')).tree,
    },
    stat: {
      summary: 'show everything known about one file or directory',
      load: async () => (await import('./commands/stat.ts')).stat,
    },
    du: {
      summary: 'show how much is in a directory, and in which of its children',
      load: async () => (await import('./commands/du.ts')).du,
    },
    scan: {
      summary: 'have a path scanned now',
      load: async () => (await import('./commands/scan.ts')).scan,
    },
    jobs: {
      summary: 'list the scans: those that wait, run, and the last that have ended',
      load: async () => (await import('./commands/jobs.ts')).jobs,
    },
    'blind-spots': {
      summary: 'list what no watcher saw and a scan found',
      load: async () => (await import('./commands/blind-spots.ts')).blindSpots,
    },
    suspects: {
      summary: 'list the files that may still be being written',
      load: async () => (await import('./commands/suspects.ts')).suspects,
    },
  },
  'Nodes and their processes': {
    agent: {
      summary: 'list and show agents; restart and kill the processes of their pipes',
      verbs: {
        list: {
          summary: 'list the agents, and whether they are heard',
          load: async () => (await import('./commands/agent-list.ts')).agentList,
        },
        show: {
          summary: 'show how one agent and its processes are, and how they died last',
          load: async () => (await import('./commands/agent-show.ts')).agentShow,
        },
        restart: {
          summary: 'have processes of an agent end by themselves and start again',
          load: async () => (await import('./commands/agent-restart.ts')).agentRestart,
        },
        kill: {
          summary: 'have processes of an agent killed (-9) and started again',
          load: async () => (await import('./commands/agent-kill.ts')).agentKill,
        },
      },
    },
  },
};

export const verbTable: Record<string, VerbEntry | NounEntry> = Object.assign({}, ...Object.values(verbSections));

/** The verb that a command line begins with, and how many of its words name it. */
export function findVerb(words: string[]): {entry: VerbEntry; length: number} | undefined {
  const [noun = '', verb = ''] = words;
  const entry = Object.hasOwn(verbTable, noun) ? verbTable[noun]! : undefined;
  if (entry === undefined) return undefined;
  if (!('verbs' in entry)) return {entry, length: 1};
  return Object.hasOwn(entry.verbs, verb) ? {entry: entry.verbs[verb]!, length: 2} : undefined;
}
