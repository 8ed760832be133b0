import {readdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {type Loss, RealtimeLane} from '../core/pipe/realtime-lane.ts';
import {limitedFileSize} from '../test/lib/file-size-limit.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {remove} from '../test/lib/view.ts';
import {openSpool} from './spool-store.ts';

const limits = {memoryEventsMax: 100, memoryBytesMax: 1e9, renamesMax: 8};
const all = {eventsMax: 1e6, bytesMax: 1e12};

test('a full disk is told as a gap where the changes were, and the spool is used again when there is room', () => {
  using folder = temporaryFolder();
  const losses: Loss[] = [];
  const lane = new RealtimeLane(limits, openSpool(folder.path, {bytesMax: 2 ** 30}), loss => losses.push(loss));
  const fill = (count: number) => {
    for (let n = 0; n < count; n++) lane.emit(remove(`/a/b/${n}-${'x'.repeat(200)}`));
  };
  {
    using _ = limitedFileSize(100_000);
    fill(2_000);
  }
  expect(losses.length).toBeGreaterThan(0);
  expect(losses[0]).toMatchObject({path: '/a/b', reason: expect.stringContaining('the store')});
  const gaps = lane.take(all).filter(({kind}) => kind === 'phase');
  expect(gaps).toMatchObject([{phase: 'gap', path: '/a/b'}]);

  const before = losses.length;
  fill(2_000);
  expect(lane.spooled.events).toBeGreaterThan(1_000);
  expect(lane.take(all)).toHaveLength(2_000);
  expect([losses.length, readdirSync(folder.path)]).toEqual([before, []]);
});

test('a spool whose file cannot be made is told as a gap too', () => {
  using folder = temporaryFolder();
  const losses: Loss[] = [];
  const directory = join(folder.path, 'spool');
  const lane = new RealtimeLane(limits, openSpool(directory, {bytesMax: 2 ** 30}), loss => losses.push(loss));
  rmSync(directory, {recursive: true});
  writeFileSync(directory, 'a file in the way');
  for (let n = 0; n < 150; n++) lane.emit(remove(`/a/${n}`));
  expect(losses).toMatchObject([{path: '/a', events: 101}]);
  expect(lane.take(all)[0]).toMatchObject({kind: 'phase', phase: 'gap', path: '/a'});
});
