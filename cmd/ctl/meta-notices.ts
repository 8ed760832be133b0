import type {Meta} from './api.ts';
import {settledNotice} from './settled-condition.ts';

/** What an answer leaves out or cannot promise, for people; programs read it in `meta`. */
export function metaNotices(meta: Meta): string[] {
  return [
    ...(meta.complete === false ? [`Not everything here has been seen yet (${syncText(meta)}).`] : []),
    ...(meta.complete !== false && meta.sync === 'stale' ? [`This may be out of date: ${syncText(meta)}.`] : []),
    ...(meta.sync_point?.is_reached === false ? [`Changes may be missing here: ${meta.sync_point.message}`] : []),
    ...countNotice(meta.unreadable, 'could not be read by the agent'),
    ...countNotice(meta.unlisted, 'have not been listed yet'),
    ...settledNotice(meta),
  ];
}

export function syncText(meta: Meta): string {
  switch (meta.sync) {
    case 'empty':
      return 'no agent has reported anything';
    case 'snapshot':
      return 'the first snapshot is running';
    case 'stale':
      return 'no agent is connected';
    case 'unreadable':
      return `the fusion cannot read the view's store now: ${meta.problem ?? 'it does not say why'}`;
    default:
      return meta.sync ?? 'the state of the view is unknown';
  }
}

function countNotice(count: unknown, what: string): string[] {
  return typeof count === 'number' && count > 0 ? [`${count} directories ${what}.`] : [];
}
