import {Option} from 'commander';
import {showSecret} from '../output/secret.ts';
import type {Verb} from '../verb.ts';
import {wholeNumberFrom} from '../whole-number.ts';

type Flags = {role: string; ttl: string; uses: number; node?: string; replace?: boolean};

export const enrollTokenCreate: Verb<Flags> = {
  name: 'enroll-token create',
  summary:
    'Make a token with which new nodes enrol ("auth_token" of their bootstrap file). It is printed once, on stdout.',
  declare: command =>
    command
      .addOption(new Option('--role <role>', 'of the nodes').choices(['agent', 'fusion']).default('agent'))
      .option('--ttl <duration>', 'how long it can be used', '1h')
      .option('--uses <n>', 'by how many nodes', wholeNumberFrom(1), 1)
      .option('--node <id>', 'only by this one')
      .option('--replace', 'also by one that takes the place of another host with its id'),
  completes: ['nothing'],

  run: async ({control, flags, isJson, io}) => {
    const {data} = await control.postOnce('enroll-tokens', flags);
    const notice = `For ${flags.role}s, within ${flags.ttl}, ${flags.uses} times. It is not shown again.`;
    return showSecret(data, {field: 'token', isJson, io, notice});
  },
};
