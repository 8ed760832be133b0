import {setTimeout as delay} from 'node:timers/promises';

const everyMs = 250;

/** Shows how far the first snapshot is, and then how to ask. */
export async function followSnapshot({
  url,
  key,
  directory,
  signal,
}: {
  url: string;
  key: string;
  directory: string;
  signal: AbortSignal;
}): Promise<void> {
  const {stdout} = process;
  stdout.write(`Fustor watches ${directory} and answers on ${url}. Ctrl-C stops it.\n`);
  const curl = `curl -H 'Authorization: Bearer ${key}' '${url}/api/v1/fs/tree?path=/'`;
  let shown = -1;
  while (!signal.aborted) {
    const known = await readStatus(url, key, signal);
    if (known && known.sync === 'live') {
      if (stdout.isTTY) stdout.write('\r\x1b[K');
      stdout.write(`Complete: ${format(known.entries)} entries. Ask, at any moment:\n\n  ${curl}\n\n`);
      return;
    }
    if (known && known.entries !== shown) {
      shown = known.entries;
      const line = `First snapshot: ${format(shown)} entries so far …`;
      stdout.write(stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
    }
    await delay(everyMs, undefined, {signal}).catch(() => undefined);
  }
}

async function readStatus(
  url: string,
  key: string,
  signal: AbortSignal,
): Promise<{sync: string; entries: number} | undefined> {
  try {
    const response = await fetch(`${url}/api/v1/status`, {headers: {authorization: `Bearer ${key}`}, signal});
    const {data, meta} = (await response.json()) as {
      data: {files: number; directories: number; others: number};
      meta: {sync: string};
    };
    return {sync: meta.sync, entries: data.files + data.directories + data.others};
  } catch {
    return undefined; // the gateways are just starting
  }
}

function format(count: number): string {
  return count.toLocaleString('en');
}
