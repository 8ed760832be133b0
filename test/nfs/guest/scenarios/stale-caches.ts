import assert from 'node:assert/strict';
import {mkdirSync, readdirSync, statSync, writeFileSync} from 'node:fs';
import {appendFile, rm, writeFile} from 'node:fs/promises';
import {describe, test} from 'node:test';
import {until} from '../../../lib/until.ts';
import {auditIntervalMs, type NfsView} from '../nfs-view.ts';

const folder = 'stale';
const sizes = {'made-by-b': 4, 'appended-by-b': 7, 'removed-by-b': undefined, stays: 3};

export function makeFilesToCache(view: NfsView): void {
  mkdirSync(view.on('server', folder));
  for (const name of ['removed-by-b', 'appended-by-b', 'stays'])
    writeFileSync(view.on('server', `${folder}/${name}`), 'old');
}

/** The leader's client has other names and attributes in its cache than what b's watcher told. */
export function staleCaches(view: NfsView): void {
  const sizesInTree = async () => {
    const names = Object.keys(sizes);
    const stats = await Promise.all(names.map(name => view.stat(`${folder}/${name}`)));
    return Object.fromEntries(names.map((name, i) => [name, stats[i]?.size]));
  };

  describe('stale caches', {concurrency: 1}, () => {
    test("what b makes, appends and removes is not undone by a's scans with cached names and attributes", async () => {
      const b = (name: string) => view.on('b', `${folder}/${name}`);
      lookAtEverything(view);
      await writeFile(b('made-by-b'), 'made');
      await appendFile(b('appended-by-b'), 'more');
      await rm(b('removed-by-b'));
      const isTold = async () => JSON.stringify(await sizesInTree()) === JSON.stringify(sizes);
      await until(isTold, {timeoutMs: 90_000, everyMs: 700, what: 'what b did'});
      const audits = view.auditsBegun;
      await until(
        async () => {
          lookAtEverything(view);
          assert.deepEqual(await sizesInTree(), sizes);
          return view.auditsBegun >= audits + 3; // so two of them are over
        },
        {timeoutMs: 60 * auditIntervalMs, everyMs: 700, what: 'two audits'},
      );
    });

    test('and nothing of it is frozen: what the server does to it next is found by the next audit', async () => {
      const at = (name: string) => view.on('server', `${folder}/${name}`);
      await appendFile(at('made-by-b'), 'more');
      await writeFile(at('removed-by-b'), 'here again');
      await view.nextAudit();
      await view.is(folder);
    });
  });
}

/** Somebody on the leader's client keeps everything in its cache. */
function lookAtEverything(view: NfsView): void {
  for (const name of readdirSync(view.on('a', folder))) {
    statSync(view.on('a', `${folder}/${name}`), {throwIfNoEntry: false});
  }
}
