import {kindNames} from '../entry/entry.ts';
import {type Path, splitPath} from '../entry/path.ts';
import {hlcToMs} from '../time/hlc.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import {readViewStatus} from '../view/view-status.ts';
import {exactObject, exactTime} from './exact-object.ts';
import {nameFields} from './json-values.ts';
import {isoTime, type Meta, type MetaJob, readMeta} from './meta.ts';
import type {SettledQuery} from './read-settled.ts';
import {resolve} from './resolve.ts';
import {totalsFields, totalsOf} from './totals-fields.ts';

/** `fs/stat`: one entry with everything known about it; `data` is JSON text, undefined for a path that is not in the tree. */
export function entryAnswer(
  txn: TreeRead,
  {
    view,
    path,
    nowMs,
    settled,
    asked,
  }: {view: string; path: Path; nowMs: number; settled?: SettledQuery | undefined; asked?: MetaJob},
): {data: string | undefined; meta: Meta} {
  const found = resolve(txn, path);
  const {entry, record} = found;
  const meta = {...readMeta(txn, {view, nowMs, settled}, found), ...asked};
  if (!entry) return {data: undefined, meta};
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
      totals: totalsFields(totalsOf(entry, record.totals)),
    }),
  };
  return {data: exactObject(data), meta};
}
