import {hash} from 'node:crypto';
import type {TreeRead} from '../tree/tree-store.ts';
import type {Meta} from './meta.ts';
import type {Found} from './resolve.ts';

/**
 * Weak entity tags (RFC 9110, 8.8.3). Two answers to the same question with the same tag say the same, except for where they
 * stand in the course of the whole view: `seq`, `seq_from`, `changes_since` and `last_event_at` move with every change anywhere, a
 * thousand times a second in a busy view. What an earlier answer says of these stays true: nothing that it tells has changed
 * since, and `fs/changes` goes on from there.
 *
 * `asked` is the question: the view, and everything that the answer depends on besides the tree and its meta.
 */
export type Tagged = {asked: string; meta: Meta};

/** Of what is told of one place. `text` is all of it. */
export function textTag({asked, meta}: Tagged, text: string): string {
  return tagOf([asked, told(meta), text]);
}

/**
 * Of an answer that is made from entries below a path, before any of them is looked at: as long as versions are the same, so are
 * they. `depth`: how many levels below it the answer tells of.
 *
 * It holds for an answer that takes several snapshots, too, if its tag is made from the first: what changed meanwhile has another
 * version ever after. What that version does not stand for (`firstTold`, and the entry itself) such an answer tells as it was then.
 */
export function treeTag(txn: TreeRead, {asked, meta}: Tagged, {found, depth}: {found: Found; depth: number}): string {
  const {entry, record} = found;
  const version = depth === 0 ? 0 : depth === 1 ? record?.ownVersion : record?.totals.version;
  return tagOf([asked, told(meta), txn.storeId(), entry, version]);
}

/**
 * What of an answer's meta must be told as its first snapshot has it. Whether all below is known, and the counts of it, go with the
 * version of all below, and a directory whose children are told must not seem complete when it came later. Whether it is settled is
 * a matter of the moment, and no answer that tells it has a tag.
 */
export function firstTold(meta: Meta, depth: number): Partial<Meta> {
  const {settled: _, ...first} = told(meta);
  const {complete: _complete, blind_spot: _blind, suspect: _suspect, ...rest} = first;
  return depth > 1 ? rest : first;
}

function told({
  seq: _,
  seq_from: _from,
  changes_since: _since,
  last_event_at: _at,
  ...rest
}: Meta): Omit<Meta, 'seq' | 'seq_from' | 'changes_since' | 'last_event_at'> {
  return rest;
}

function tagOf(parts: readonly unknown[]): string {
  return `W/"${hash('sha1', JSON.stringify(parts), 'base64url')}"`;
}
