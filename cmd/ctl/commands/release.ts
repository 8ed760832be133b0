import {outcomeOf} from '../desired-state.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';

export const release: Verb<object> = {
  name: 'release',
  summary: 'End what "rollback" began: the newest revision comes into force.',
  declare: () => {},
  completes: ['nothing'],
  nameOf: ({revision}) => `revision/${revision}`,

  run: async ({control, isJson, io}) => {
    const {data} = await control.post('release', {});
    const {revision} = outcomeOf(data);
    await io.write(isJson ? jsonDocument({data}) : `Nothing is pinned: revision ${revision ?? '-'} is in force.\n`);
    return 0;
  },
};
