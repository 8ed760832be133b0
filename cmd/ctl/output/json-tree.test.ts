import fc from 'fast-check';
import {expect, test} from 'vitest';
import type {TreeNode} from '../api.ts';
import {JsonTree} from './json-tree.ts';

test('one page comes out as it is', () => {
  const data = {
    path: '/',
    name: '',
    children: [
      {name: 'a', size: 1},
      {name: 'd', children: []},
    ],
  };
  expect(joined([data])).toEqual(data);
});

test('a directory whose children begin on the next page gets them', () => {
  const pages: TreeNode[] = [
    {path: '/', name: '', children: [{name: 'd', content_type: 'directory'}]},
    {
      path: '/',
      name: '',
      continued: true,
      children: [{name: 'd', continued: true, children: [{name: 'x'}]}, {name: 'e'}],
    },
  ];
  expect(joined(pages)).toEqual({
    path: '/',
    name: '',
    children: [{name: 'd', content_type: 'directory', children: [{name: 'x'}]}, {name: 'e'}],
  });
});

test('names that differ only in bytes that are not UTF-8 are not taken for one', () => {
  const pages: TreeNode[] = [
    {name: '', children: [{name: '\ufffd', name_b64: '_w', children: [{name: 'x'}]}]},
    {name: '', continued: true, children: [{name: '\ufffd', name_b64: '_g', children: [{name: 'y'}]}]},
  ];
  expect(joined(pages).children).toHaveLength(2);
});

test('the document is complete only if every page was, and has the rest of meta from the last', () => {
  const tree = new JsonTree();
  const text =
    tree.page({name: ''}, {complete: false, seq: 1}) + tree.page({name: '', continued: true}, {complete: true, seq: 2});
  expect(JSON.parse(text + tree.end()).meta).toEqual({complete: false, seq: 2});
});

test('any tree in any pages comes out whole', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'));
  const {node} = fc.letrec<{node: TreeNode; directory: TreeNode; file: TreeNode}>(tie => ({
    node: fc.oneof({maxDepth: 5}, tie('file'), tie('directory')),
    directory: names.chain(some =>
      fc.tuple(...some.map(name => tie('node').map(child => ({name, ...child})))).map(children => ({children})),
    ),
    file: fc.nat(9).map(size => ({size})),
  }));
  fc.assert(
    fc.property(node, fc.integer({min: 1, max: 5}), (below, pageEntries) => {
      const root = {name: '', ...below};
      expect(joined(paged(root, pageEntries))).toEqual(root);
    }),
  );
});

function joined(pages: TreeNode[]): TreeNode {
  const tree = new JsonTree();
  const text = pages.map(page => tree.page(page, {})).join('');
  return JSON.parse(text + tree.end()).data;
}

/** Cuts a tree into pages as a fusion does: entries in depth-first order, led to by directories that are continued. */
function paged(root: TreeNode, entriesMax: number): TreeNode[] {
  const pages: TreeNode[] = [];
  /** The nodes of the current page from its root to the last entry. */
  let trail: TreeNode[] = [];
  let count = 0;
  const append = (node: TreeNode, depth: number) => {
    const parent = trail[depth - 1];
    if (parent) parent.children = [...(parent.children ?? []), node];
    else pages.push(node);
    trail = [...trail.slice(0, depth), node];
  };
  const visit = (node: TreeNode, ancestors: TreeNode[]) => {
    if (count > 0 && count % entriesMax === 0) {
      ancestors.forEach(({name}, depth) => {
        append({name, continued: true} as TreeNode, depth);
      });
    }
    count++;
    const {children, ...own} = node;
    append({...own, ...(children ? {children: []} : {})}, ancestors.length);
    for (const child of children ?? []) visit(child, [...ancestors, node]);
  };
  visit(root, []);
  return pages;
}
