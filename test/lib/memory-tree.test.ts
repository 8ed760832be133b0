import {treeStoreContract} from '../../core/tree/tree-store.contract.ts';
import {openMemoryTree} from './memory-tree.ts';

treeStoreContract('the tree in memory', async () => {
  const store = openMemoryTree();
  return {store, dispose: () => store.close()};
});
