import assert from 'node:assert/strict';
import {mkdirSync, readdirSync, statSync, writeFileSync} from 'node:fs';
import {appendFile, mkdir, rename, rm, writeFile} from 'node:fs/promises';
import {describe, test} from 'node:test';
import type {NfsView} from '../nfs-view.ts';

const folder = 'blind';

export function makeFilesToChangeBlindly(view: NfsView): void {
  const at = (name: string) => view.on('server', `${folder}/${name}`);
  for (const name of ['directory/deeper', 'removed/deeper', 'replaced', '../by-c'])
    mkdirSync(at(name), {recursive: true});
  for (const name of ['appended', 'in-place', 'renamed', 'gone']) writeFileSync(at(name), 'old');
  for (const name of ['directory/deeper/file', 'removed/deeper/file', 'replaced/before', '../by-c/appended']) {
    writeFileSync(at(name), 'old');
  }
}

/** What a host does that nobody watches is found by the next audit, whatever the leader's client has cached. */
export function blindChanges(view: NfsView): void {
  describe('a host without an agent', {concurrency: 1}, () => {
    test('what the server makes, changes, renames and removes is found by the next audit', async () => {
      const at = (name: string) => view.on('server', `${folder}/${name}`);
      lookAtEverything(view);
      await writeFile(at('new'), 'new');
      await appendFile(at('appended'), 'more');
      await writeFile(at('in-place'), 'now', {flag: 'r+'});
      await rename(at('renamed'), at('renamed-2'));
      await rename(at('directory'), at('directory-2'));
      await writeFile(at('directory-2/deeper/second'), 'second');
      await rm(at('gone'));
      await rm(at('removed'), {recursive: true});
      await rm(at('replaced'), {recursive: true});
      await mkdir(at('replaced'));
      await writeFile(at('replaced/after'), 'after');
      await view.nextAudit();
      await view.is(folder);
    });

    test('what client a then does in directories that the server renamed or made anew is live', async () => {
      const since = new Date();
      for (const name of ['directory-2/deeper/third', 'replaced/live']) {
        await writeFile(view.on('a', `${folder}/${name}`), 'live');
        await view.hears(`${folder}/${name}`, since);
      }
      await view.becomes(folder);
    });
  });

  test('a file appended by a client without an agent is found by the next audit', async () => {
    const cachedSize = () => statSync(view.on('a', 'by-c/appended')).size;
    cachedSize();
    await appendFile(view.on('c', 'by-c/appended'), 'more');
    const cached = cachedSize();
    await view.nextAudit();
    assert.equal((await view.stat('by-c/appended'))?.size, 7, `client a had ${cached} bytes in its cache`);
    await view.is('by-c');
  });
}

/** Brings all names and attributes into the cache of client a, and that one name is absent. */
function lookAtEverything(view: NfsView): void {
  for (const name of readdirSync(view.on('a', folder), {recursive: true, encoding: 'utf8'})) {
    statSync(view.on('a', `${folder}/${name}`));
  }
  statSync(view.on('a', `${folder}/new`), {throwIfNoEntry: false});
}
