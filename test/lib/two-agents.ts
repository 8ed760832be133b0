import type {TestContext} from 'vitest';
import type {ClientMount} from './client-mount.ts';
import type {SharedSite} from './shared-site.ts';
import {TcpProxy} from './tcp-proxy.ts';
import {until} from './until.ts';

/**
 * `agent-a` and `agent-b` on mounts of their own, both watching everything; the `first` leads. The way of `agent-a` to the
 * fusion can be cut.
 */
export async function twoAgents(
  {onTestFinished}: Pick<TestContext, 'onTestFinished'>,
  site: SharedSite,
  {first, requestTimeout = '3s'}: {first: 'agent-a' | 'agent-b'; requestTimeout?: string},
): Promise<{a: ClientMount; b: ClientMount; way: TcpProxy}> {
  const way = await TcpProxy.to(site.port);
  onTestFinished(() => way.dispose());
  const [a, b] = [await site.mount(), await site.mount()];
  const settings = {pipe: {audit_interval: '1s'}, sender: {request_timeout: requestTimeout}};
  const add = {
    'agent-a': () => site.addAgent('agent-a', {path: a.path, url: way.url, ...settings}),
    'agent-b': () => site.addAgent('agent-b', {path: b.path, ...settings}),
  };
  await add[first]();
  await site.live();
  await add[first === 'agent-a' ? 'agent-b' : 'agent-a']();
  const known = 1 + Number((await site.status()).data.directories);
  for (const name of ['agent-a', 'agent-b'] as const)
    await until(async () => (await site.agent(name))?.watched === known, {what: `watches of ${name}`});
  return {a, b, way};
}
