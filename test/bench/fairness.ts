import {temporaryFolder} from '../lib/temporary-folder.ts';
import {anonymousBytes, benchKey, benchView, startGateway} from './gateway.ts';
import {fill} from './made-tree.ts';
import {type Asked, askAgain} from './query/ask-again.ts';
import {getRequest} from './query/connection.ts';
import {Downloads} from './query/downloads.ts';

/**
 * What small requests wait for while others download the whole tree from the same gateway:
 * `node --disable-warning=ExperimentalWarning test/bench/fairness.ts [entries]`.
 *
 * Small ones are `fs/tree` of one directory of 250 and `fs/stat`, in turns, on kept connections, one after the other. The
 * downloads run in a process of their own: again and again as fast as they can; or slow, reading 16 KiB a second. At the end
 * 1,000 clients that ask for the whole tree and read nothing: what they cost in memory.
 */
const entries = Number(process.argv[2] ?? 200_000);
const measureMs = 3_000;
const stuckClients = 1_000;

const small = [requestOf('fs/tree?path=/small'), requestOf('fs/stat?path=/small')];
const wholeTree = requestOf('fs/tree?recursive=true');

{
  using folder = temporaryFolder('fustor-bench-');
  const made = await fill(folder.path, entries);
  const gateway = await startGateway(folder.path);
  console.log(`a tree of ${made} entries, one gateway; small requests, milliseconds`);
  await asked(gateway.port);
  await line('alone', gateway.port, undefined);
  for (const pace of ['fast', 'slow'] as const) {
    for (const count of [1, 4, 16]) {
      const others = await Downloads.start({port: gateway.port, request: wholeTree, clients: count, pace});
      await line(`beside ${count} ${pace} download${count === 1 ? '' : 's'}`, gateway.port, others);
      await others.stop();
    }
  }
  const before = anonymousBytes(gateway);
  const stuck = await Downloads.start({
    ...{port: gateway.port, request: wholeTree},
    ...{clients: stuckClients, pace: 'stuck'},
  });
  await line(`beside ${stuckClients} clients that read nothing`, gateway.port, stuck);
  const grown = (anonymousBytes(gateway) - before) / 1024;
  console.log(
    `  they cost the gateway ${(grown / 1024).toFixed(0)} MiB, ${(grown / stuckClients).toFixed(0)} KiB each`,
  );
  await stuck.stop();
  gateway.child.kill();
}

async function line(what: string, port: number, others: Downloads | undefined): Promise<void> {
  const {p50Ms, p99Ms, maxMs, perSecond} = await asked(port);
  const [p50, p99, max] = [p50Ms, p99Ms, maxMs].map(ms => ms.toFixed(2).padStart(7));
  const told = await others?.tell();
  const rate = told ? `, ${(told.bytesPerSecond / 2 ** 20).toFixed(0)} MiB/s to the others` : '';
  console.log(`  ${what.padEnd(38)} p50 ${p50}  p99 ${p99}  max ${max}   ${perSecond.toFixed(0)} a second${rate}`);
}

function asked(port: number): Promise<Asked> {
  return askAgain({port, requests: small, connections: 1, durationMs: measureMs});
}

function requestOf(path: string): string {
  return getRequest(`/api/v1/views/${benchView}/${path}`, {'X-API-Key': benchKey});
}
