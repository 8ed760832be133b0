import {isDeepStrictEqual} from 'node:util';
import type {Site} from '../lib/site.ts';
import {until} from '../lib/until.ts';

/**
 * Milliseconds from the exec of a fusion of which everything was killed to its first answer, each of so many times. That answer, and
 * the totals behind it, are what they were before.
 */
export async function restartMs(site: Site, rounds: number): Promise<number[]> {
  const before = {tree: await children(site), totals: await totals(site)};
  const ms: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await site.kill('fusion');
    const startedAt = performance.now();
    site.run('fusion');
    const tree = await until(() => children(site).catch(() => undefined), {everyMs: 2, what: 'an answer'});
    ms.push(performance.now() - startedAt);
    const after = {tree, totals: await totals(site)};
    if (!isDeepStrictEqual(after, before)) {
      throw new Error(`after a restart ${JSON.stringify(after)}, before ${JSON.stringify(before)}`);
    }
    await until(() => hasEngine(site), {what: 'the engine'});
  }
  return ms;
}

async function children(site: Site): Promise<{name: string; content_type: string}[]> {
  const {data} = JSON.parse((await site.get('/api/v1/fs/tree')).text);
  return data.children.map(({name, content_type}: {name: string; content_type: string}) => ({name, content_type}));
}

async function totals(site: Site): Promise<object> {
  const {files, directories, bytes} = JSON.parse((await site.get('/api/v1/fs/stats')).text).data;
  return {files, directories, bytes};
}

/** The next round begins when the engine works again, too. */
async function hasEngine(site: Site): Promise<boolean> {
  return (await site.get('/metrics')).text.includes('fustor_view_entries{');
}
