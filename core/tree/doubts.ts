import {hash} from 'node:crypto';
import {type Path, rootPath} from '../entry/path.ts';
import type {Hlc} from '../time/hlc.ts';
import {type RuleContext, seenUntil} from './context.ts';
import type {TreeRead} from './tree-store.ts';

/**
 * Paths of which nobody can say what is true, because the order of what two agents saw is not known. The leader looks at
 * them, and goes on looking until no cache of its own can mislead it any more.
 *
 * When there are too many, all of them become one doubt about the root: the leader scans everything.
 */
type Doubt = {path: Path; since: Hlc};

const prefix = 'doubt/';
const countName = 'doubts';
const doubtsMax = 10_000;

/** Always false: an event that is in doubt did not count. */
export function doubt(context: RuleContext, path: Path): false {
  const {txn, now} = context;
  const count = txn.state<number>(countName) ?? 0;
  const subject = count < doubtsMax ? path : rootPath;
  const isNew = txn.state(nameOf(subject)) === undefined;
  txn.putState(nameOf(subject), {path: subject, since: now} satisfies Doubt);
  if (isNew) txn.putState(countName, count + 1);
  return false;
}

/** A look with this evidence was told. */
export function settleDoubt(context: RuleContext, path: Path, evidence: Hlc): void {
  const {txn} = context;
  const known = txn.state<Doubt>(nameOf(path));
  if (known === undefined || seenUntil(context, evidence) <= known.since) return;
  txn.removeState(nameOf(path));
  txn.putState(countName, Math.max(0, (txn.state<number>(countName) ?? 0) - 1));
}

export function countDoubts(txn: TreeRead): number {
  return txn.state<number>(countName) ?? 0;
}

export function* doubts(txn: TreeRead): Iterable<Path> {
  for (const {value} of txn.states<Doubt>(prefix)) yield value.path;
}

/** A path may be longer than a key of the store. */
function nameOf(path: Path): string {
  return prefix + hash('sha1', path);
}
