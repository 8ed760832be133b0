import {changeLogContract} from '../core/tree/change-log.contract.ts';
import {type OpenedTree, treeStoreContract} from '../core/tree/tree-store.contract.ts';
import type {TreeStore} from '../core/tree/tree-store.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {openTreeStore} from './tree-store.ts';

async function open(): Promise<OpenedTree> {
  const folder = temporaryFolder();
  let store: TreeStore = await openTreeStore(folder.path);
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openTreeStore(folder.path);
      return store;
    },
    dispose: async () => {
      await store.close();
      folder.remove();
    },
  };
}

treeStoreContract('the tree on LMDB', open);
changeLogContract('the tree on LMDB', open);
