import {listVerb} from './list-verb.ts';

export const blindSpots = listVerb({
  name: 'blind-spots',
  summary: 'List what no watcher saw and a scan found: changes by hosts without an agent.',
  columns: {change: 8, found_at: 24},
});
