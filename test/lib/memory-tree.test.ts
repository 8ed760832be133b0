import {changeLogContract} from '../../core/tree/change-log.contract.ts';
import {type OpenedTree, treeStoreContract} from '../../core/tree/tree-store.contract.ts';
import {openMemoryTree} from './memory-tree.ts';

async function open(): Promise<OpenedTree> {
  const store = openMemoryTree();
  return {store, dispose: () => store.close()};
}

treeStoreContract('the tree in memory', open);
changeLogContract('the tree in memory', open);
