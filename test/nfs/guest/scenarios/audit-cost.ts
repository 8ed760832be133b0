import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {appendFileSync, mkdirSync, writeFileSync} from 'node:fs';
import {test} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';
import type {NfsView} from '../nfs-view.ts';
import {type Calls, callsBetween, showCalls} from '../server-calls.ts';

const folder = 'audited';
const directories = 4;
const filesPerDirectory = 50;
/** Names and attributes in some pages, the directory's own attributes, access; beside it the guard's looks at the root. */
const callsPerDirectory = 6;
const callsBeside = 20;
/** A client believes the attributes of a file that changed for three seconds, `acregmin`: less than the audit interval. */
const attributesLiveMs = 3_500;

export function makeFilesToAudit(view: NfsView): void {
  eachFile(view, file => writeFileSync(file, 'x'));
}

/** Run it alone on its mounts: it counts every call of client a. */
export function auditCost(view: NfsView): void {
  test('an audit after the attributes expired costs a handful of calls a directory, not one a file', async context => {
    const inAll = (await view.lines()).filter(line => line.split('|')[1] === 'directory').length;
    const files = directories * filesPerDirectory;
    const report = (what: string, calls: Calls) =>
      context.diagnostic(`${view.kind.title}: ${what}: ${showCalls(calls)}`);

    const changed = await callsOfAudit(view, () => eachFile(view, file => appendFileSync(file, 'y')));
    report(`audit of ${inAll} directories, ${files} files all changed by the server`, changed);
    await view.is(folder);
    const expired = await callsOfAudit(view, () => {});
    report(`audit of ${inAll} directories, ${files} files, attributes expired`, expired);
    report(`find -size in ${directories} directories, ${files} files, attributes expired`, await callsOfFind(view));

    if (!view.kind.cachesAttributes) return; // nothing can be fetched ahead: the figures are all there is to say
    for (const calls of [changed, expired]) {
      assert.ok(calls.total <= inAll * callsPerDirectory + callsBeside, `${showCalls(calls)} for ${inAll} directories`);
    }
  });
}

async function callsOfAudit(view: NfsView, change: () => void): Promise<Calls> {
  await view.nextAudit();
  const before = view.calls('a');
  change();
  await view.nextAudit();
  return callsBetween(before, view.calls('a'));
}

/** What a walk costs that does not tell its client to ask anew, for comparison. */
async function callsOfFind(view: NfsView): Promise<Calls> {
  const find = () => execFileSync('find', [view.on('c', folder), '-size', '+1000']);
  find();
  await sleep(attributesLiveMs);
  const before = view.calls('c');
  find();
  return callsBetween(before, view.calls('c'));
}

function eachFile(view: NfsView, action: (file: string) => void): void {
  for (let directory = 0; directory < directories; directory++) {
    mkdirSync(view.on('server', `${folder}/${directory}`), {recursive: true});
    for (let file = 0; file < filesPerDirectory; file++) action(view.on('server', `${folder}/${directory}/${file}`));
  }
}
