import {Agent, request} from 'node:http';

/** Asks the same thing over and over on so many kept connections; requests a second, and the body of one answer. */
export async function requestsPerSecond(
  url: string,
  headers: Record<string, string>,
  {connections = 16, durationMs = 3_000}: {connections?: number; durationMs?: number} = {},
): Promise<{perSecond: number; bytes: number}> {
  const agent = new Agent({keepAlive: true, maxSockets: connections});
  let count = 0;
  let bytes = 0;
  const startedAt = performance.now();
  const ask = () =>
    new Promise<void>((resolve, reject) => {
      request(url, {agent, headers}, response => {
        bytes = 0;
        response.on('data', chunk => {
          bytes += chunk.length;
        });
        response.on('end', () =>
          response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`)),
        );
      })
        .on('error', reject)
        .end();
    });
  await Promise.all(
    Array.from({length: connections}, async () => {
      while (performance.now() - startedAt < durationMs) {
        await ask();
        count++;
      }
    }),
  );
  agent.destroy();
  return {perSecond: (count * 1000) / (performance.now() - startedAt), bytes};
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
