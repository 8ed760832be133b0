import {kindNames} from '../entry/entry.ts';
import type {Path} from '../entry/path.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import type {ChildrenPage} from './child-totals.ts';
import {exactObject} from './exact-object.ts';
import {nameFields} from './json-values.ts';
import {type Meta, type MetaJob, readMeta} from './meta.ts';
import type {SettledQuery} from './read-settled.ts';
import {resolve} from './resolve.ts';
import {totalsFields, totalsOf} from './totals-fields.ts';

/**
 * `fs/stats`: the sums over everything below a directory, which the store keeps, so they cost the same at any size; of
 * anything else its own. `children` are its own sums of each child. `data` is JSON text, undefined for a path that is not in the
 * tree.
 */
export function statsAnswer(
  txn: TreeRead,
  {
    view,
    path,
    nowMs,
    settled,
    children,
    asked,
  }: {
    view: string;
    path: Path;
    nowMs: number;
    settled?: SettledQuery | undefined;
    children?: ChildrenPage | undefined;
    asked?: MetaJob;
  },
): {data: string | undefined; meta: Meta} {
  const found = resolve(txn, path);
  const {entry, record} = found;
  const meta = {...readMeta(txn, {view, nowMs, settled}, found), ...asked};
  if (!entry) return {data: undefined, meta};
  const data = {
    ...nameFields('path', path),
    content_type: kindNames[entry.kind],
    ...totalsFields(totalsOf(entry, record?.totals)),
  };
  const below = children && `,"children":[${children.rows.join(',')}],"children_count":${children.count}`;
  return {data: `${exactObject(data).slice(0, -1)}${below ?? ''}}`, meta};
}
