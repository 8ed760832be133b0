import {FustorError} from '../errors/fustor-error.ts';
import type {TreeRead, TreeReader} from '../tree/tree-store.ts';
import {type ViewState, viewStateName} from '../view/view-status.ts';

/**
 * What takes several snapshots goes on in the store that it began in, or fails: numbers of directories mean nothing in another,
 * and where no store can be read nothing is left, so that it would seem to be at its end. Throws STORE_FAILED.
 */
export function demandStore(txn: TreeRead, store: string): void {
  const now = txn.storeId();
  if (now === store) return;
  const problem = txn.state<ViewState>(viewStateName)?.unreadable;
  const found = now === '' ? `cannot be read now${problem === undefined ? '' : ` (${problem})`}` : 'is another one now';
  throw new FustorError('STORE_FAILED', `The store of the view, which the answer began with, ${found}.`, {
    hint: 'Ask again, from the beginning.',
  });
}

/** For a page that goes on behind another. Throws BAD_REQUEST in another store, STORE_FAILED where none can be read. */
export function demandStoreOfCursor(txn: TreeRead, {store}: {store: string}): void {
  if (txn.storeId() === '') demandStore(txn, store);
  if (txn.storeId() === store) return;
  throw new FustorError('BAD_REQUEST', 'The cursor does not belong to this store of the view, which was made anew.', {
    hint: 'Ask again, from the beginning.',
  });
}

/** A view's tree for one answer that takes several snapshots. To read it throws STORE_FAILED in any store but that of the first. */
export function inOneStore(reader: Pick<TreeReader, 'read'>): Pick<TreeReader, 'read'> {
  let store: string | undefined;
  return {
    read: body =>
      reader.read(txn => {
        store ??= txn.storeId();
        demandStore(txn, store);
        return body(txn);
      }),
  };
}
