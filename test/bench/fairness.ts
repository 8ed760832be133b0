import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {connect, type Socket} from 'node:net';
import {temporaryFolder} from '../lib/temporary-folder.ts';
import {anonymousBytes, benchKey, benchView, startGateway} from './gateway.ts';
import {percentile} from './load.ts';
import {fill} from './made-tree.ts';

/**
 * What small requests wait for while others download the whole tree from the same gateway:
 * `node --disable-warning=ExperimentalWarning test/bench/fairness.ts [entries]`.
 *
 * Small ones are `fs/tree` of one directory of 250 and `fs/stat`, in turns, on kept connections, one after the other. The
 * downloads run in a process of their own: again and again as fast as they can; or slow, reading 16 KiB a second. At the end
 * 1,000 clients that ask for the whole tree and read nothing: what they cost in memory.
 */
const [first = '200000', port = '', clients = '', pace = ''] = process.argv.slice(2);
const measureMs = 3_000;
const slowBytes = 16 * 1024;
const stuckClients = 1_000;

const small = [`fs/tree?path=/small`, `fs/stat?path=/small`];
const wholeTree = 'fs/tree?recursive=true';

if (first === 'downloads') downloads(Number(port), Number(clients), pace);
else await bench(Number(first));

async function bench(entries: number): Promise<void> {
  using folder = temporaryFolder('fustor-bench-');
  const made = await fill(folder.path, entries);
  const gateway = await startGateway(folder.path);
  console.log(`a tree of ${made} entries, one gateway; small requests, milliseconds`);
  await smallRequests(gateway.port);
  await line('alone', gateway.port, undefined);
  for (const pace of ['fast', 'slow']) {
    for (const count of [1, 4, 16]) {
      const others = await startDownloads(gateway.port, count, pace);
      await line(`beside ${count} ${pace} download${count === 1 ? '' : 's'}`, gateway.port, others);
      others.kill();
      await once(others, 'exit');
    }
  }
  const before = anonymousBytes(gateway);
  const stuck = await startDownloads(gateway.port, stuckClients, 'stuck');
  await line(`beside ${stuckClients} clients that read nothing`, gateway.port, stuck);
  const grown = (anonymousBytes(gateway) - before) / 1024;
  console.log(
    `  they cost the gateway ${(grown / 1024).toFixed(0)} MiB, ${(grown / stuckClients).toFixed(0)} KiB each`,
  );
  stuck.kill();
  gateway.child.kill();
}

async function line(what: string, port: number, others: ChildProcess | undefined): Promise<void> {
  const timesMs = await smallRequests(port);
  const [p50, p99, max] = [0.5, 0.99, 1].map(part => percentile(timesMs, part).toFixed(2).padStart(7));
  others?.send('tell');
  const [bytes] = others ? ((await once(others, 'message')) as [number]) : [0];
  const rate = others ? `, ${(bytes / 2 ** 20).toFixed(0)} MiB/s to the others` : '';
  console.log(`  ${what.padEnd(38)} p50 ${p50}  p99 ${p99}  max ${max}   ${timesMs.length} requests${rate}`);
}

/** How long each took, for `measureMs`. */
async function smallRequests(port: number): Promise<number[]> {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  const timesMs: number[] = [];
  const startedAt = performance.now();
  for (let i = 0; performance.now() - startedAt < measureMs; i++) {
    const sentAt = performance.now();
    await answered(socket, small[i % small.length]!);
    timesMs.push(performance.now() - sentAt);
  }
  socket.destroy();
  return timesMs;
}

function requestOf(path: string): string {
  return `GET /api/v1/views/${benchView}/${path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${benchKey}\r\n\r\n`;
}

/** Resolves with the last byte of an answer that has a Content-Length. */
function answered(socket: Socket, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing = 0;
    const take = (chunk: Buffer) => {
      if (missing === 0) {
        const head = chunk.toString('latin1');
        const [, length] = /^HTTP\/1\.1 200 .*?\r\ncontent-length: (\d+)\r\n/is.exec(head) ?? [];
        if (length === undefined) return reject(new Error(`not an answer: ${head.slice(0, 300)}`));
        missing = head.indexOf('\r\n\r\n') + 4 + Number(length);
      }
      missing -= chunk.length;
      if (missing > 0) return;
      socket.off('data', take).off('error', reject);
      resolve();
    };
    socket.on('data', take).once('error', reject).write(requestOf(path));
  });
}

// ── The others

async function startDownloads(port: number, clients: number, pace: string): Promise<ChildProcess> {
  const args = ['--disable-warning=ExperimentalWarning', import.meta.filename, 'downloads', port, clients, pace];
  const child = spawn(process.execPath, args.map(String), {stdio: ['ignore', 'inherit', 'inherit', 'ipc']});
  await once(child, 'message');
  return child;
}

/** Tells when all have begun, and, when asked, bytes a second since then. */
function downloads(port: number, clients: number, pace: string): void {
  let bytes = 0;
  let begun = 0;
  let begunAt = 0;
  const begin = () => {
    const socket = connect(port, '127.0.0.1', () => socket.write(requestOf(wholeTree)));
    socket.once(pace === 'stuck' ? 'connect' : 'data', () => {
      if (++begun !== clients) return;
      begunAt = performance.now();
      bytes = 0;
      process.send!('begun');
    });
    if (pace === 'stuck') return void socket.pause();
    let tail = '';
    socket.on('data', chunk => {
      bytes += chunk.length;
      tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 7))).slice(-7);
      if (tail === '\r\n0\r\n\r\n') socket.write(requestOf(wholeTree));
      if (pace !== 'slow') return;
      socket.pause();
      setTimeout(() => socket.resume(), (chunk.length * 1000) / slowBytes);
    });
  };
  for (let i = 0; i < clients; i++) begin();
  process.on('message', () => process.send!((bytes * 1000) / (performance.now() - begunAt)));
  process.on('disconnect', () => process.exit());
}
