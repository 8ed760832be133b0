import {treeStoreContract} from '../core/tree/tree-store.contract.ts';
import type {TreeStore} from '../core/tree/tree-store.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {openTreeStore} from './tree-store.ts';

treeStoreContract('the tree on LMDB', async () => {
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
});
