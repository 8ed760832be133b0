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

    const changed = await callsOfAudits(view, () => eachFile(view, file => appendFileSync(file, 'y')));
    await view.is(folder);
    const expired = await callsOfAudits(view, () => {});
    const of = `${inAll} directories, ${files} files`;
    report(`${changed.audits} audit of ${of}, all changed by the server`, changed.calls);
    report(`${expired.audits} audit of ${of}, attributes expired`, expired.calls);
    report(`find -size in ${directories} directories, ${files} files, attributes expired`, await callsOfFind(view));

    if (!view.kind.cachesAttributes) return; // nothing can be fetched ahead: the figures are all there is to say
    for (const {calls, audits} of [changed, expired]) {
      const most = audits * (inAll * callsPerDirectory + callsBeside);
      assert.ok(calls.total <= most, `${showCalls(calls)} for ${audits} audit of ${inAll} directories`);
    }
  });
}

/** Of one audit; a slow machine may begin another before it is counted, then of these together. */
async function callsOfAudits(view: NfsView, change: () => void): Promise<{calls: Calls; audits: number}> {
  await view.nextAudit();
  const [before, begun] = [view.calls('a'), view.auditsBegun];
  change();
  await view.nextAudit();
  return {calls: callsBetween(before, view.calls('a')), audits: view.auditsBegun - begun};
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
