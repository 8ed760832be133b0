import {Option} from 'commander';
import {showSecret} from '../output/secret.ts';
import type {Verb} from '../verb.ts';

type Flags = {role: string; views?: string; user?: string; ttl?: string};

export const keyCreate: Verb<Flags> = {
  name: 'key create',
  summary: 'Make an API key. It is printed once, on stdout; the controller keeps only its hash.',
  declare: command =>
    command
      .argument('<name>', 'how the key is called in lists and in the audit log')
      .addOption(
        new Option('--role <role>', 'what it may do')
          .choices(['admin', 'operator', 'reader', 'agent'])
          .default('reader'),
      )
      .option('--views <names>', 'which views it opens, with commas between them, or "*"', '*')
      .option('--user <name>', 'whose it is')
      .option('--ttl <duration>', 'how long it counts; else until it is revoked'),
  completes: ['nothing'],

  run: async ({control, argument, flags, isJson, io}) => {
    const {role, user, ttl} = flags;
    const views = flags.views === '*' ? '*' : flags.views!.split(',');
    const {data} = await control.postOnce('keys', {name: argument, role, views, user, expires_in: ttl});
    return showSecret(data, {
      field: 'key',
      isJson,
      io,
      notice: `This is the key "${argument}". It is not shown again.`,
    });
  },
};
