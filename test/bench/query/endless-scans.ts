import type {Site} from '../../lib/site.ts';

const everyMs = 100;

/**
 * Has the leader read the whole tree, again when it has: what an audit does that skips nothing. Ends when the signal aborts;
 * resolves to how many scans that were.
 */
export async function endlessScans(site: Site, signal: AbortSignal): Promise<number> {
  const ids = new Set<string>();
  while (!signal.aborted) {
    const {text} = await site.get('/api/v1/fs/tree?max_depth=0&on_demand_scan=true&recursive=true');
    const id = JSON.parse(text).meta.job?.id;
    if (id !== undefined) ids.add(id);
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
  return ids.size;
}
