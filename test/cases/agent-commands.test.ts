import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import type {ReportedPart} from '../../core/control/protocol.ts';
import {ControlledSite} from '../lib/controlled-site.ts';
import {until} from '../lib/until.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startSite({isEmbedded}: {isEmbedded: boolean}): Promise<ControlledSite> {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-commands-'));
  cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
  writeFileSync(join(directory, 'file'), 'x');
  const site = new ControlledSite(directory, {isEmbedded});
  cleanups.push(() => site.dispose());
  await site.start();
  await site.live();
  await running(site);
  return site;
}

/** The payload as `agent show` tells it. */
async function shown(site: ControlledSite): Promise<ReportedPart | undefined> {
  const {status, stdout} = await site.fustorctl('agent', 'show', 'node-a', '-o', 'json');
  return status === 0 ? JSON.parse(stdout).data.parts[0] : undefined;
}

/** Waits until it runs, as another process than `pid`. */
function running(site: ControlledSite, pid?: number): Promise<ReportedPart> {
  const told = async () => {
    const part = await shown(site);
    return part?.state === 'running' && part.pid !== pid ? part : undefined;
  };
  return until(told, {what: 'a payload that runs, in "agent show"'});
}

for (const isEmbedded of [false, true]) {
  const where = isEmbedded ? 'embedded in a fusion' : 'of its own';

  test(`with a controller ${where}: a payload that is killed is told of within two seconds, with its last words`, async () => {
    const site = await startSite({isEmbedded});
    const pid = site.partPid('agent', 'payload-site');
    const killedAt = performance.now();
    process.kill(pid, 'SIGKILL');
    const death = await until(
      async () => {
        const found = (await shown(site))?.last_death;
        return found?.pid === pid ? found : undefined;
      },
      {everyMs: 5, what: 'the death in "agent show"'},
    );
    expect(performance.now() - killedAt).toBeLessThan(2_000);
    expect(death).toMatchObject({cause: 'signal', signal: 'SIGKILL', code: null});
    expect(death.stderr).toContain('session opened');
    const {stdout} = await site.fustorctl('agent', 'show', 'node-a');
    expect(stdout).toContain('signal SIGKILL');
    await running(site, pid);
  });

  test(`with a controller ${where}: a payload that is stopped is restarted and killed by command`, async () => {
    const site = await startSite({isEmbedded});
    for (const verb of ['restart', 'kill']) {
      const {pid} = await running(site);
      process.kill(pid!, 'SIGSTOP');
      const {status, stdout, stderr} = await site.fustorctl('agent', verb, 'node-a', 'site', '-o', 'json');
      expect({status, stderr}).toEqual({status: 0, stderr: ''});
      expect(JSON.parse(stdout).data).toMatchObject([{pipe: 'site', command: verb, state: 'done', ordered_by: 'ops'}]);
      const after = await running(site, pid!);
      expect(after.last_death).toMatchObject({cause: 'command'});
    }
    writeFileSync(join(site.directory, 'afterwards'), 'x');
    await site.same();
  });
}

test('a controller that is killed and started again knows all; one that is away stops nothing', async () => {
  const site = await startSite({isEmbedded: false});
  const before = await running(site);
  const ordered = await site.fustorctl('agent', 'kill', 'node-a', '-o', 'json');
  const {id} = JSON.parse(ordered.stdout).data[0];
  const after = await running(site, before.pid!);
  await site.endController('SIGKILL');
  writeFileSync(join(site.directory, 'meanwhile'), 'x');
  await site.same();
  expect(await site.fustorctl('agent', 'list')).toMatchObject({status: 3});

  await site.startController();
  const list = await site.fustorctl('agent', 'list', '-o', 'json');
  expect(JSON.parse(list.stdout).data).toMatchObject([{id: 'node-a', parts: [{pipe: 'site', pid: after.pid}]}]);
  const {data} = await get(site, `agents/node-a/commands/${id}`);
  expect(data).toMatchObject({state: 'done', command: 'kill'});
  const again = await site.fustorctl('agent', 'restart', 'node-a', 'site', '--timeout', '60s', '-o', 'json');
  expect(again.status).toBe(0);
  expect(await running(site, after.pid!)).toBeTruthy();
  expect(await site.endController('SIGTERM')).toBe(0);
});

test('an embedded controller that is killed costs the queries nothing, and is there again', async () => {
  const site = await startSite({isEmbedded: true});
  const pid = site.partPid('fusion', 'controller');
  process.kill(pid, 'SIGKILL');
  const statuses = new Set<number>();
  await until(
    async () => {
      statuses.add((await site.get('/api/v1/fs/tree')).status);
      const {status, stdout} = await site.fustorctl('agent', 'list', '-o', 'json');
      if (status !== 0) expect(JSON.parse(stdout).error.code).toBe('CONTROLLER_UNAVAILABLE');
      return (
        // One that was heard for the first time a moment before is known again when it speaks again.
        status === 0 && JSON.parse(stdout).data[0]?.state === 'online' && site.partPid('fusion', 'controller') !== pid
      );
    },
    {what: 'the controller again'},
  );
  expect([...statuses]).toEqual([200]);
  const metrics = (await site.get('/metrics')).text;
  expect(metrics).toContain('fustor_controller_agents{state="online"} 1');
});

async function get(site: ControlledSite, path: string) {
  const headers = {authorization: 'Bearer key-of-the-operators'};
  const response = await fetch(`${site.controllerUrl}/api/v1/${path}`, {headers});
  return JSON.parse(await response.text());
}
