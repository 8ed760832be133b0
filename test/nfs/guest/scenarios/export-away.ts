import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {appendFile, rm, writeFile} from 'node:fs/promises';
import {test} from 'node:test';
import {until} from '../../../lib/until.ts';
import type {NfsView} from '../nfs-view.ts';

const outageMaxMs = 300_000;
const healMaxMs = 180_000;

/** The server stops for a while: every mount hangs, and all that stands on it. */
export function exportGoesAway(views: readonly NfsView[]): void {
  const eachView = async (condition: (view: NfsView) => Promise<boolean>) =>
    (await Promise.all(views.map(condition))).every(Boolean);
  const unavailable = async (view: NfsView) => (await view.status()).data.agents.map(agent => agent.unavailable);

  test('the export goes away: nothing is removed, every agent says that its storage does not answer', async context => {
    const before = new Map(await Promise.all(views.map(async view => [view, await view.lines()] as const)));
    execFileSync('rpc.nfsd', ['0']);
    const stoppedAt = performance.now();
    const toldAfter = new Map<NfsView, number>();
    await until(
      () =>
        eachView(async view => {
          assert.deepEqual(await view.lines(), before.get(view));
          const reasons = await unavailable(view);
          const isTold = reasons.length === 2 && reasons.every(reason => reason !== null);
          if (isTold && !toldAfter.has(view)) toldAfter.set(view, Math.round((performance.now() - stoppedAt) / 1000));
          return isTold;
        }),
      {timeoutMs: outageMaxMs, everyMs: 500, what: 'both agents of every view to be unavailable'},
    );
    for (const [view, seconds] of toldAfter) context.diagnostic(`${view.kind.title}: told after ${seconds} s`);
  });

  test('the export comes back: what changed meanwhile is found, and the agents are available again', async () => {
    for (const view of views) {
      await writeFile(view.on('server', 'made-meanwhile'), 'made');
      await appendFile(view.on('server', 'by-c/appended'), 'meanwhile');
      await rm(view.on('server', 'audited/0/0'));
    }
    execFileSync('rpc.nfsd', ['16']);
    writeFileSync('/proc/fs/nfsd/v4_end_grace', 'Y');
    await until(() => eachView(async view => (await unavailable(view)).every(reason => reason === null)), {
      timeoutMs: healMaxMs,
      everyMs: 500,
      what: 'all agents to be available',
    });
    await Promise.all(views.map(view => view.becomes('', healMaxMs)));
    await Promise.all(
      views.flatMap(view =>
        (['a', 'b'] as const).map(async client => {
          const since = new Date();
          await writeFile(view.on(client, `after-${client}`), 'after');
          await view.hears(`after-${client}`, since);
        }),
      ),
    );
    await Promise.all(views.map(view => view.becomes()));
  });
}
