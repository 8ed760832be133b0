import {expect, test} from 'vitest';
import {Prng} from '../../lib/prng.ts';
import {temporaryFolder} from '../../lib/temporary-folder.ts';
import {linesOfFind} from '../../lib/tree-lines.ts';
import {Changes} from './changes.ts';

test('6,000 changes all succeed, keep the tree within bounds, and are the same for the same seed', async () => {
  using one = temporaryFolder();
  using other = temporaryFolder();
  const names = async (root: string) => {
    const changes = new Changes(root, new Prng(11));
    let made = 0;
    while (made < 6_000) made += changes.next();
    return (await linesOfFind(root)).map(line => line.split('|').slice(0, 2).join('|'));
  };
  const [first, second] = [await names(one.path), await names(other.path)];
  expect(first).toEqual(second);
  expect(first.length).toBeGreaterThan(100);
  expect(first.length).toBeLessThan(4_000);
});
