import {setTimeout as sleep} from 'node:timers/promises';
import {until} from '../../lib/until.ts';
import type {Fault} from './fault.ts';

/** The agent's host is lost: the view goes stale and is asked on; much later the host is back. */
export const agentsGone: Fault = {
  name: 'agents-gone',
  weight: 2,
  async inflict(scene) {
    const {site} = scene;
    site.services.agent.abandon();
    scene.kill(...site.processes('agent-shell', 'payload'));
    await until(async () => (await site.status()).meta.sync === 'stale', {timeoutMs: 60_000, what: 'a stale view'});
    await sleep(5_000);
    site.services.agent.start();
  },
};
