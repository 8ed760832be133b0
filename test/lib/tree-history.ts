import fc from 'fast-check';
import {type ByteString, fromText} from '../../core/entry/byte-string.ts';
import {type DirectoryNumber, type Kind, kinds, newEntryFrom} from '../../core/entry/entry.ts';
import {rootDirectory, type TreeStore, type TreeWrite} from '../../core/tree/tree-store.ts';
import {emptyViewState, sessionStatePrefix, viewStateName} from '../../core/view/view-status.ts';

const time = {seconds: 1_700_000_000, nanos: 0};
const attributes = (kind: Kind, size = 1) => ({kind, size, mtime: time, ctime: time});
export const file = (name: string, size = 1) => newEntryFrom(fromText(name), attributes(kinds.file, size));
const directory = (name: string) => newEntryFrom(fromText(name), attributes(kinds.directory));

/** `/a/deep` and `/b`, with some files each; in `/large` more than one chunk holds. */
export async function plantTree(store: TreeStore): Promise<void> {
  await store.write(txn => {
    const a = txn.put(rootDirectory, directory('a')).directory;
    const deep = txn.put(a, directory('deep')).directory;
    const b = txn.put(rootDirectory, directory('b')).directory;
    const large = txn.put(rootDirectory, directory('large')).directory;
    for (const at of [a, deep, b]) for (const name of ['f0', 'f1']) txn.put(at, file(name));
    for (let i = 0; i < 250; i++) {
      const one = txn.put(large, directory(`d${i}`)).directory;
      txn.put(one, file('f0'));
    }
  });
}

const anyPlace = fc.constantFrom('', 'a', 'b', 'a/deep', 'large/d7');
const anyName = fc.constantFrom('f0', 'f1', 'deep', 'g');
/** What can happen to a view that `plantTree` made, as far as answers tell of it. `wait` is for the clock. */
export const anyTreeChange = fc.oneof(
  fc.record({kind: fc.constant('put' as const), at: anyPlace, name: anyName, size: fc.nat(2), flags: fc.nat(3)}),
  fc.record({kind: fc.constant('make' as const), at: anyPlace, name: anyName}),
  fc.record({kind: fc.constant('remove' as const), at: anyPlace, name: anyName}),
  fc.record({kind: fc.constant('move' as const), at: anyPlace, name: anyName, to: anyPlace, as: anyName}),
  fc.record({kind: fc.constant('rename' as const), swap: fc.constantFrom('a', 'b', 'large')}),
  fc.record({kind: fc.constant('listed' as const), at: anyPlace, listedAt: fc.nat(3)}),
  fc.record({kind: fc.constant('unreadable' as const), at: anyPlace, why: fc.constantFrom(undefined, 'EIO', 'EXDEV')}),
  fc.record({
    kind: fc.constant('session' as const),
    agent: fc.constantFrom('x', 'y'),
    role: fc.constantFrom('leader', 'follower', 'gone'),
  }),
  fc.record({kind: fc.constant('view' as const), lastEventAt: fc.nat(2), snapshotCompletedAt: fc.nat(1)}),
  fc.record({kind: fc.constant('wait' as const), ms: fc.nat(40)}),
);
export type TreeChange = typeof anyTreeChange extends fc.Arbitrary<infer T> ? T : never;

export function applyChange(txn: TreeWrite, change: TreeChange, nowMs: number): void {
  const find = (path: string): DirectoryNumber => {
    let at: DirectoryNumber = rootDirectory;
    for (const name of path.split('/')) if (name !== '') at = txn.entry(at, fromText(name))?.directory ?? 0;
    return at;
  };
  const at = 'at' in change ? find(change.at) : rootDirectory;
  if (at === 0) return;
  const from = {directory: at, name: fromText('name' in change ? change.name : '')};
  switch (change.kind) {
    case 'put': {
      const flags = {isSuspect: (change.flags & 1) > 0, isBlindSpot: (change.flags & 2) > 0};
      txn.put(at, {...file(change.name, change.size), ...flags});
      break;
    }
    case 'make':
      txn.put(at, directory(change.name));
      break;
    case 'remove':
      txn.remove(at, from.name);
      break;
    case 'move': {
      const to = find(change.to);
      const isBelowItself = `${change.to}/`.startsWith(`${change.at}/${change.name}/`.replace(/^\//, ''));
      const isAboveItself = `${change.at}/`.startsWith(`${change.to}/${change.as}/`.replace(/^\//, ''));
      if (to === 0 || isBelowItself || isAboveItself) break;
      txn.move(from, {directory: to, name: fromText(change.as)}, {});
      break;
    }
    case 'rename': {
      const away = `${change.swap}-away`;
      const isThere = txn.entry(rootDirectory, fromText(change.swap)) !== undefined;
      const [as, to] = (isThere ? [change.swap, away] : [away, change.swap]).map(fromText) as [ByteString, ByteString];
      txn.move({directory: rootDirectory, name: as}, {directory: rootDirectory, name: to}, {});
      break;
    }
    case 'listed':
      txn.setDirectory(at, {listedAt: change.listedAt});
      break;
    case 'unreadable':
      txn.setDirectory(at, {unreadable: change.why});
      break;
    case 'session': {
      const {agent, role} = change;
      const session = {id: agent, agent, role, openedAt: nowMs, seenAt: nowMs, timeoutMs: 30};
      if (role === 'gone') txn.removeState(`${sessionStatePrefix}${agent}`);
      else txn.putState(`${sessionStatePrefix}${agent}`, session);
      break;
    }
    case 'view': {
      const {lastEventAt, snapshotCompletedAt} = change;
      txn.putState(viewStateName, {...emptyViewState, agents: ['x', 'y'], lastEventAt, snapshotCompletedAt});
    }
  }
}
