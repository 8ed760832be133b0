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
    find: {
      summary: 'find entries by name, type, size and time',
      load: async () => (await import('./commands/find.ts')).find,
    },
    changes: {
      summary: 'show what was created, modified, deleted and moved; --follow shows it as it happens',
      load: async () => (await import('./commands/changes.ts')).changes,
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
  'Say what should be': {
    apply: {
      summary: 'make files the desired state, as a new revision',
      load: async () => (await import('./commands/apply.ts')).apply,
    },
    diff: {
      summary: 'show how files differ from the desired state',
      load: async () => (await import('./commands/diff.ts')).diff,
    },
    edit: {
      summary: 'change one file of the desired state with your editor',
      load: async () => (await import('./commands/edit.ts')).edit,
    },
    history: {
      summary: 'list the revisions: who, when, why; or show what one changed',
      load: async () => (await import('./commands/history.ts')).history,
    },
    rollback: {
      summary: 'bring an earlier revision back into force and pin it',
      load: async () => (await import('./commands/rollback.ts')).rollback,
    },
    release: {
      summary: 'end the pin of a rollback',
      load: async () => (await import('./commands/release.ts')).release,
    },
    sync: {
      summary: 'have the controller look into its Git repository now',
      load: async () => (await import('./commands/sync.ts')).sync,
    },
  },
  'Nodes and their processes': {
    agent: nodeNoun('agent', {
      summary: 'agents: list, show, restart, kill, reload, logs',
      list: async () => (await import('./commands/lists.ts')).agentList,
      show: async () => (await import('./commands/node-show.ts')).agentShow,
    }),
    fusion: nodeNoun('fusion', {
      summary: 'fusions: list, show, restart, kill, reload, logs',
      list: async () => (await import('./commands/lists.ts')).fusionList,
      show: async () => (await import('./commands/node-show.ts')).fusionShow,
    }),
  },
  'Who may do what': {
    'enroll-token': {
      summary: 'what new nodes enrol with: create, list, revoke',
      verbs: {
        create: {
          summary: 'make one',
          load: async () => (await import('./commands/enroll-token-create.ts')).enrollTokenCreate,
        },
        list: {summary: 'list them', load: async () => (await import('./commands/lists.ts')).enrollTokenList},
        revoke: {
          summary: 'have one refused',
          load: async () => (await import('./commands/removal.ts')).enrollTokenRevoke,
        },
      },
    },
    identity: {
      summary: 'nodes that have enrolled: list, revoke',
      verbs: {
        list: {summary: 'list them', load: async () => (await import('./commands/lists.ts')).identityList},
        revoke: {summary: 'cut one off', load: async () => (await import('./commands/removal.ts')).identityRevoke},
      },
    },
    key: {
      summary: 'API keys: create, list, revoke',
      verbs: {
        create: {summary: 'make one', load: async () => (await import('./commands/key-create.ts')).keyCreate},
        list: {summary: 'list them', load: async () => (await import('./commands/lists.ts')).keyList},
        revoke: {summary: 'have one refused', load: async () => (await import('./commands/removal.ts')).keyRevoke},
      },
    },
    credential: {
      summary: 'secrets of the configuration: set, list, delete',
      verbs: {
        set: {
          summary: 'store one, from stdin or a file',
          load: async () => (await import('./commands/credential-set.ts')).credentialSet,
        },
        list: {summary: 'list their names', load: async () => (await import('./commands/lists.ts')).credentialList},
        delete: {
          summary: 'remove one',
          load: async () => (await import('./commands/removal.ts')).credentialDelete,
        },
      },
    },
  },
  'The controller itself': {
    backup: {
      summary: 'write all that the controller keeps to a file',
      load: async () => (await import('./commands/backup.ts')).backup,
    },
  },
  Here: {
    doctor: {
      summary: 'find what is wrong on this host, without any server, and say what to do about it',
      load: async () => (await import('./commands/doctor.ts')).doctor,
    },
    config: {
      summary: 'contexts, the sites that you administer: contexts, use',
      verbs: {
        contexts: {
          summary: 'list them; the current one is marked',
          load: async () => (await import('./commands/config.ts')).configContexts,
        },
        use: {
          summary: 'make one the current one',
          load: async () => (await import('./commands/config.ts')).configUse,
        },
      },
    },
    completion: {
      summary: 'print a script for bash, zsh or fish',
      load: async () => (await import('./commands/completion.ts')).completion,
    },
  },
};

type NodeVerbs = {summary: string; list: VerbEntry['load']; show: VerbEntry['load']};

function nodeNoun(kind: 'agent' | 'fusion', {summary, list, show}: NodeVerbs): NounEntry {
  const order = (word: 'restart' | 'kill' | 'reload') => async () =>
    (await import('./commands/node-order.ts')).nodeOrder(kind, word);
  return {
    summary,
    verbs: {
      list: {summary: 'list them, and whether they are heard', load: list},
      show: {summary: 'show how one and its processes are, and how they died last', load: show},
      restart: {summary: 'have processes end by themselves and start again', load: order('restart')},
      kill: {summary: 'have processes killed (-9) and started again', load: order('kill')},
      reload: {summary: 'have one read its configuration again', load: order('reload')},
      logs: {
        summary: 'show the last lines that its processes wrote',
        load: async () => (await import('./commands/node-logs.ts')).nodeLogs(kind),
      },
    },
  };
}

export const verbTable: Record<string, VerbEntry | NounEntry> = Object.assign({}, ...Object.values(verbSections));

/** The verb that a command line begins with, and how many of its words name it. */
export function findVerb(words: string[]): {entry: VerbEntry; length: number} | undefined {
  const [noun = '', verb = ''] = words;
  const entry = Object.hasOwn(verbTable, noun) ? verbTable[noun]! : undefined;
  if (entry === undefined) return undefined;
  if (!('verbs' in entry)) return {entry, length: 1};
  return Object.hasOwn(entry.verbs, verb) ? {entry: entry.verbs[verb]!, length: 2} : undefined;
}
