import {after, before, describe} from 'node:test';
import {NfsSite} from './nfs-site.ts';
import {auditCost, makeFilesToAudit} from './scenarios/audit-cost.ts';
import {blindChanges, makeFilesToChangeBlindly} from './scenarios/blind.ts';
import {exportGoesAway} from './scenarios/export-away.ts';
import {liveChanges, makeFoldersToLiveIn} from './scenarios/live.ts';
import {makeFilesToCache, staleCaches} from './scenarios/stale-caches.ts';
import {makeFilesToUnlink, unlinkedWhileOpen} from './scenarios/unlinked-while-open.ts';

/** What runs inside the virtual machine: every scenario on every kind of mount, and the kinds beside each other. */
const kinds = [
  {name: 'v42', title: 'NFS 4.2', options: '', cachesAttributes: true},
  {name: 'actimeo0', title: 'NFS 4.2, actimeo=0', options: 'actimeo=0', cachesAttributes: false},
  {name: 'v3', title: 'NFS 3', options: 'vers=3,nolock', cachesAttributes: true},
];
const wanted = process.argv.slice(2);
const site = new NfsSite(kinds.filter(({name}) => wanted.length === 0 || wanted.includes(name)));

const prepare = [makeFilesToAudit, makeFoldersToLiveIn, makeFilesToChangeBlindly, makeFilesToCache, makeFilesToUnlink];

before(async () => {
  site.mount();
  for (const view of site.views) for (const make of prepare) make(view);
  await site.start();
  console.log(`The agents run after ${process.uptime().toFixed(0)} s`);
});
after(() => site.stop());

describe('mounts', {concurrency: true}, () => {
  for (const view of site.views) {
    describe(view.kind.title, {concurrency: 1}, () => {
      auditCost(view);
      describe('at the same time', {concurrency: true}, () => {
        liveChanges(view, 'a');
        liveChanges(view, 'b');
        blindChanges(view);
        staleCaches(view);
        unlinkedWhileOpen(view);
      });
    });
  }
});
describe('the server stops', {concurrency: 1}, () => exportGoesAway(site.views));
