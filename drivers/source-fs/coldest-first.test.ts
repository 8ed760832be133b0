import {expect, test} from 'vitest';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {Prng} from '../../test/lib/prng.ts';
import {ColdestFirst} from './coldest-first.ts';
import {type Node, WatchTree} from './watch-tree.ts';

test('the coldest directory that has a watch is on top, however they were warmed, evicted and watched again', () => {
  const random = new Prng(5);
  const tree = new WatchTree({identity: '1@0:1', device: '0:1'});
  const nodes = Array.from({length: 500}, (_, i): Node => {
    const node = tree.add(tree.root, {name: `d${i}` as ByteString, identity: '', hotAt: random.below(1_000)});
    node.watch = i;
    return node;
  });
  const coldest = new ColdestFirst(nodes);
  let now = 1_000;
  for (let step = 0; step < 20_000; step++) {
    const node = random.pick(nodes)!;
    const action = random.below(4);
    if (action === 0) node.watch = -1;
    else if (action === 1 && node.watch === -1) {
      node.watch = step;
      coldest.add(node);
    } else node.hotAt = Math.max(node.hotAt, random.below(2) === 0 ? random.below(now) : now++);
    const least = Math.min(...nodes.filter(({watch}) => watch !== -1).map(({hotAt}) => hotAt));
    expect(coldest.peek()?.hotAt ?? Number.POSITIVE_INFINITY).toBe(least);
  }
});
