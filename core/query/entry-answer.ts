import {kindNames} from '../entry/entry.ts';
import {type Path, splitPath} from '../entry/path.ts';
import {hlcToMs} from '../time/hlc.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import {readViewStatus} from '../view/view-status.ts';
import {exactObject, exactTime} from './exact-object.ts';
import {nameFields} from './json-values.ts';
import {isoTime, readMeta} from './meta.ts';
import type {SettledQuery} from './read-settled.ts';
import {resolve} from './resolve.ts';
import {totalsFields} from './totals-fields.ts';

/**
 * `fs/stat`: one entry with everything known about it, as JSON text; `isKnown` is false for a path that is not in the tree,
 * whose text is only its `meta`.
 */
export function entryAnswer(
  txn: TreeRead,
  {view, path, nowMs, settled}: {view: string; path: Path; nowMs: number; settled?: SettledQuery | undefined},
): {isKnown: boolean; json: string} {
  const found = resolve(txn, path);
  const {entry, record} = found;
  const meta = readMeta(txn, {view, nowMs, settled}, found);
  if (!entry) return {isKnown: false, json: JSON.stringify(meta)};
  const {agents} = readViewStatus(txn, nowMs).state;
  const name = path === '/' ? path : splitPath(path).name;
  const data = {
    ...nameFields('name', name),
    ...nameFields('path', path),
    content_type: kindNames[entry.kind],
    ...(entry.hasAttributes && {
      size: entry.size,
      modified_time: exactTime(entry.mtime),
      changed_time: exactTime(entry.ctime),
    }),
    integrity_suspect: entry.isSuspect,
    blind_spot: entry.isBlindSpot,
    realtime_at: entry.realtimeAt === 0 ? null : isoTime(hlcToMs(entry.realtimeAt)),
    agent: agents[entry.agent] ?? null,
    ...(record && {
      complete: found.isComplete,
      listed_at: record.listedAt === 0 ? null : isoTime(hlcToMs(record.listedAt)),
      unreadable: record.unreadable ?? null,
      totals: totalsFields(record.totals),
    }),
  };
  return {isKnown: true, json: `{"data":${exactObject(data)},"meta":${JSON.stringify(meta)}}`};
}
