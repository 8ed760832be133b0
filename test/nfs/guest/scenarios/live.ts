import assert from 'node:assert/strict';
import {mkdirSync} from 'node:fs';
import {appendFile, chmod, mkdir, rename, rm, symlink, truncate, writeFile} from 'node:fs/promises';
import {test} from 'node:test';
import {type Client, cacheWindowMs, type NfsView} from '../nfs-view.ts';

/** `heard`: the path that a watcher must have spoken of. Undefined: `gone`, the path that only a watcher may remove so soon. */
type Step = {
  what: string;
  change: (at: (name: string) => string) => Promise<unknown>;
  heard?: string;
  gone?: string;
};

const steps: Step[] = [
  {what: 'a file made', change: at => writeFile(at('file'), 'one'), heard: 'file'},
  {what: 'a file appended to', change: at => appendFile(at('file'), 'two'), heard: 'file'},
  {what: 'a file written in place', change: at => writeFile(at('file'), 'xxx', {flag: 'r+'}), heard: 'file'},
  {what: 'a file cut', change: at => truncate(at('file'), 1), heard: 'file'},
  {what: 'a mode changed', change: at => chmod(at('file'), 0o600), heard: 'file'},
  {what: 'a file renamed', change: at => rename(at('file'), at('renamed')), heard: 'renamed', gone: 'file'},
  {what: 'a symbolic link made', change: at => symlink('renamed', at('link')), heard: 'link'},
  {
    what: 'a directory made and filled at once',
    change: async at => {
      await mkdir(at('sub/deeper'), {recursive: true});
      await Promise.all([1, 2, 3, 4, 5].map(i => writeFile(at(`sub/deeper/${i}`), 'x'.repeat(i))));
    },
    heard: 'sub',
  },
  {what: 'a directory renamed', change: at => rename(at('sub'), at('moved')), heard: 'moved', gone: 'sub'},
  {what: 'a file written in it', change: at => writeFile(at('moved/deeper/6'), 'six'), heard: 'moved/deeper/6'},
  {
    what: 'a file moved over another',
    change: at => rename(at('moved/deeper/6'), at('renamed')),
    heard: 'renamed',
    gone: 'moved/deeper/6',
  },
  {what: 'a file removed', change: at => rm(at('renamed')), gone: 'renamed'},
  {what: 'a directory removed', change: at => rm(at('moved'), {recursive: true}), gone: 'moved'},
];

export function makeFoldersToLiveIn(view: NfsView): void {
  for (const client of ['a', 'b']) mkdirSync(view.on('server', folderOf(client)));
}

/** What an agent's own client does is in the tree at once, whether the agent leads or follows. */
export function liveChanges(view: NfsView, client: Client): void {
  test(`what client ${client} itself does is live`, async () => {
    const folder = folderOf(client);
    for (const step of steps) {
      try {
        await take(view, client, folder, step);
      } catch (error) {
        throw new Error(`${step.what}: ${error instanceof Error ? error.message : error}`, {cause: error});
      }
    }
  });
}

async function take(view: NfsView, client: Client, folder: string, {change, heard, gone}: Step): Promise<void> {
  const before = gone === undefined ? undefined : await view.stat(`${folder}/${gone}`);
  const since = new Date();
  await change(name => view.on(client, `${folder}/${name}`));
  if (heard !== undefined) await view.hears(`${folder}/${heard}`, since);
  await view.becomes(folder);
  if (gone === undefined) return;
  const ageMs = Date.now() - Date.parse(before?.realtime_at ?? '');
  assert.ok(ageMs < cacheWindowMs, `it was seen ${ageMs} ms before, so an audit might have removed it`);
}

function folderOf(client: string): string {
  return `live-${client}`;
}
