import {isObject} from '../exact-json.ts';
import {jsonDocument} from '../output/json.ts';
import {fieldTable} from '../output/table.ts';
import type {Verb} from '../verb.ts';

type Flags = {acceptRewrite?: boolean};

/** Waits for the outcome. Exit code 1 when files of the commit are not used. */
export const sync: Verb<Flags> = {
  name: 'sync',
  summary: 'Have the controller look into its Git repository now.',
  declare: command =>
    command.option('--accept-rewrite', 'use what is there although the history that was known is gone from it'),
  completes: ['nothing'],
  nameOf: ({revision}) => `revision/${revision}`,

  run: async ({control, flags, isJson, io}) => {
    const {data} = await control.post('git/sync', flags.acceptRewrite ? {accept_rewrite: true} : {});
    await io.write(isJson ? jsonDocument({data}) : fieldTable(isObject(data) ? data : {}));
    return isObject(data) && Array.isArray(data.problems) && data.problems.length > 0 ? 1 : 0;
  },
};
