import {appendFileSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {openSharedSite} from '../lib/shared-site.ts';
import {ShiftedClock, shiftedClocksMissing} from '../lib/shifted-clock.ts';
import {throughout} from '../lib/throughout.ts';
import {until} from '../lib/until.ts';

/** Longer than an audit takes to come by, also on a busy machine: what it finds is suspect then. */
const view = {hot_file_threshold: '8s'};
const isSkipped = mountsMissing !== undefined || shiftedClocksMissing !== undefined;

describe.skipIf(isSkipped)('clocks that disagree', {concurrent: true}, () => {
  const agents = {'agent-a': '-5', 'agent-b': '+2h', 'agent-c': '-20y', 'agent-d': '+10y'} as const;
  const names = Object.keys(agents) as (keyof typeof agents)[];

  for (const fusion of ['+0', '-30d'] as const) {
    test(`agents whose clocks are ${Object.values(agents).join(', ')} wrong and a fusion at ${fusion}: what was last done counts`, async context => {
      const clock = new ShiftedClock(context, fusion);
      const site = await openSharedSite(context, {view, env: clock.env});
      for (const name of names) writeFileSync(join(site.directory, `${name} deletes this`), 'x');
      const paths: string[] = [];
      for (const name of names) {
        const {path} = await site.mount();
        paths.push(path);
        await site.addAgent(name, {
          path,
          pipe: {audit_interval: '2s'},
          env: new ShiftedClock(context, agents[name]).env,
        });
        await site.live();
        await until(async () => (await site.agent(name))?.watched === 1, {what: `watches of ${name}`});
      }
      // One after the other does something to the same names; each time the last one is right.
      for (const round of [1, 2]) {
        for (const [i, path] of paths.entries()) {
          writeFileSync(join(path, 'shared'), 'x'.repeat(10 * round + i));
          await until(async () => (await site.stat('/shared')).data?.size === 10 * round + i, {
            what: names[i]!,
            timeoutMs: 3_000,
          });
          rmSync(join(path, 'deleted by the next'), {force: true});
          await until(async () => !(await site.has('/deleted by the next')), {what: 'a deletion', timeoutMs: 3_000});
          writeFileSync(join(path, 'deleted by the next'), 'x');
          await until(() => site.has('/deleted by the next'), {what: 'a file made again', timeoutMs: 3_000});
          renameSync(join(path, 'shared'), join(path, `renamed by ${names[i]} in ${round}`));
          await until(async () => !(await site.has('/shared')), {what: 'a rename', timeoutMs: 3_000});
        }
      }
      for (const [i, path] of paths.entries()) rmSync(join(path, `${names[i]} deletes this`));
      await site.same();
      writeFileSync(join(site.directory, 'by a host without an agent'), 'x');
      rmSync(join(site.directory, 'deleted by the next'));
      await until(async () => (await site.stat('/by a host without an agent')).data?.integrity_suspect, {
        what: 'a suspect',
      });
      await site.same();
      await until(async () => (await site.status()).meta.suspect === 0, {what: 'no suspect'});
      await throughout(site.audits(2), async () => expect(await site.compare()).toMatchObject({count: 0}));
    });
  }

  test('a clock that jumps while its program runs changes nothing', async context => {
    const clocks = [new ShiftedClock(context, '+0'), new ShiftedClock(context, '+0')] as const;
    const site = await openSharedSite(context);
    const [a, b] = [await site.mount(), await site.mount()];
    await site.addAgent('agent-a', {path: a.path, pipe: {audit_interval: '1s'}, env: clocks[0].env});
    await site.live();
    await site.addAgent('agent-b', {path: b.path, pipe: {audit_interval: '1s'}, env: clocks[1].env});
    const session = async () => (await site.status()).data.agents.map(({session}) => session);
    const sessions = await session();
    for (const [i, jump] of ['+3h', '-1y', '+30y', '+0'].entries()) {
      for (const clock of clocks) clock.set(jump);
      writeFileSync(join(a.path, `f${i}`), 'x');
      writeFileSync(join(site.directory, `g${i}`), 'x');
      rmSync(join(b.path, `f${i - 1}`), {force: true});
      await site.audits();
      await site.same();
    }
    expect(await session()).toEqual(sessions);
  });

  test('files with times of long ago and of the far future are told as they are, and move no clock', async context => {
    const site = await openSharedSite(context, {view});
    const {path} = await site.mount();
    await site.addAgent('agent-a', {path, pipe: {audit_interval: '1s'}});
    await site.live();
    mkdirSync(join(path, 'd'));
    for (const [i, time] of ['1971-01-01', '2001-09-09', '2038-01-20', '2100-01-01', '2400-01-01'].entries()) {
      for (const root of [path, site.directory]) {
        const file = join(root, `d/${i} ${root === path ? 'here' : 'elsewhere'}`);
        writeFileSync(file, 'x');
        utimesSync(file, new Date(time), new Date(time));
      }
    }
    await site.same();
    await until(async () => (await site.status()).meta.suspect === 0, {what: 'no suspect'});
    appendFileSync(join(site.directory, 'd/0 here'), 'new');
    await until(async () => (await site.stat('/d/0 here')).data?.integrity_suspect, {what: 'a suspect'});
    await until(async () => (await site.status()).meta.suspect === 0, {what: 'no suspect'});
    rmSync(join(path, 'd/3 here'));
    await site.same();
  });
});
