/** NFS calls by the names of their operations, and all of them together. */
export type Calls = {total: number; byName: Map<string, number>};

/** What `/proc/self/mountstats` says about the mount at a path: `GETATTR: operations transmissions …`, a line each. */
export function callsOf(mountstats: string, mountPoint: string): Calls {
  const mount = mountstats.split(/^device /m).find(text => text.includes(` mounted on ${mountPoint} with `));
  const operations = mount?.split('per-op statistics\n')[1];
  if (operations === undefined) throw new Error(`There are no figures of an NFS mount at ${mountPoint}.`);
  const byName = new Map<string, number>();
  for (const [, name, count] of operations.matchAll(/^\s*([A-Z_0-9]+): (\d+)/gm)) byName.set(name!, Number(count));
  return {total: sum(byName), byName};
}

export function callsBetween(before: Calls, after: Calls): Calls {
  const byName = new Map(
    [...after.byName]
      .map(([name, count]) => [name, count - (before.byName.get(name) ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );
  return {total: sum(byName), byName};
}

export function showCalls({total, byName}: Calls): string {
  const names = [...byName].sort(([, a], [, b]) => b - a).map(([name, count]) => `${count} ${name}`);
  return `${total} calls (${names.join(', ')})`;
}

function sum(byName: Map<string, number>): number {
  return [...byName.values()].reduce((total, count) => total + count, 0);
}
