import type {TreeNode} from './api.ts';

export type TreeEntry = {path: Buffer; node: TreeNode};

/** The entries of one page in its order, each with its whole path in bytes; those that an earlier page had are left out. */
export function* treeEntries(root: TreeNode): Generator<TreeEntry> {
  yield* below(root, nameBytes(root.path ?? '/', root.path_b64));
}

function* below(node: TreeNode, path: Buffer): Generator<TreeEntry> {
  if (node.continued !== true) yield {path, node};
  const prefix = path.at(-1) === slash ? path : Buffer.concat([path, Buffer.of(slash)]);
  for (const child of node.children ?? []) {
    yield* below(child, Buffer.concat([prefix, nameBytes(child.name ?? '', child.name_b64)]));
  }
}

const slash = 0x2f;

/** The bytes of a name or path as an answer has it. */
export function nameBytes(name: string, base64: string | undefined): Buffer {
  return base64 === undefined ? Buffer.from(name) : Buffer.from(base64, 'base64url');
}
