import {listVerb} from './list-verb.ts';

export const suspects = listVerb({
  name: 'suspects',
  summary: 'List the files that may still be being written.',
  columns: {size: -15, modified_time: 30, expires_at: 24},
});
