import {createServer} from 'node:http';
import {type AddressInfo, connect} from 'node:net';
import {join} from 'node:path';
import {rootPath} from '../../core/entry/path.ts';
import {TreeAnswer} from '../../core/query/tree-answer.ts';
import {openTreeReader} from '../../store/tree-store.ts';
import {temporaryFolder} from '../lib/temporary-folder.ts';
import {download} from './download.ts';
import {anonymousBytes, type BenchProcess, benchKey, benchView, cpuMs, startGateway, startProcess} from './gateway.ts';
import {median} from './load.ts';
import {fill, smallEntries} from './made-tree.ts';

/**
 * What a query costs: `node --disable-warning=ExperimentalWarning test/bench/query.ts [entries]`.
 *
 * Servers are processes of their own, one each. The client is plain sockets, because Node's HTTP client costs more than the
 * servers and would hide their difference. CPU time of the server says the same without the noise of other work.
 */
const [role = '1000000', argument = ''] = process.argv.slice(2);
const connections = 32;
const rounds = 5;
const roundMs = 1_500;

if (role === 'node') serveNode(Number(argument));
else await bench(Number(role));

async function bench(entryCount: number): Promise<void> {
  using folder = temporaryFolder('fustor-bench-');
  const made = await fill(folder.path, entryCount);
  await wholeTree(folder.path, made);
  await smallDirectory(folder.path, made);
}

// ── Everything below the root

async function wholeTree(folder: string, entries: number): Promise<void> {
  const reader = openTreeReader(folder);
  const perSecond: number[] = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const options = {depthMax: Number.POSITIVE_INFINITY, limit: Number.POSITIVE_INFINITY};
    const answer = new TreeAnswer({view: benchView, path: rootPath, after: undefined, ...options});
    bytes = 0;
    const startedAt = performance.now();
    while (!answer.isDone) bytes += reader.read(txn => answer.next(txn, 0))!.byteLength;
    perSecond.push((entries * 1000) / (performance.now() - startedAt));
  }
  await reader.close();
  console.log(`whole tree, ${entries} entries, ${(bytes / 2 ** 20).toFixed(0)} MiB of JSON`);
  report('  as bytes, from LMDB', `${count(median(perSecond))} entries/s`);

  const gateway = await startGateway(folder);
  const overHttp: number[] = [];
  let peak = 0;
  for (let round = 0; round < 3; round++) {
    const url = `http://127.0.0.1:${gateway.port}/api/v1/views/${benchView}/fs/tree?recursive=true`;
    const look = setInterval(() => {
      peak = Math.max(peak, anonymousBytes(gateway));
    }, 20);
    const {totalMs} = await download(url, {'x-api-key': benchKey});
    clearInterval(look);
    overHttp.push((entries * 1000) / totalMs);
  }
  report('  over HTTP, to a client that only counts', `${count(median(overHttp))} entries/s`);
  report('  gateway: largest memory of its own meanwhile', `${(peak / 2 ** 20).toFixed(0)} MiB`);
  gateway.child.kill();
}

// ── One directory, again and again

async function smallDirectory(folder: string, entries: number): Promise<void> {
  const gateway = await startGateway(folder);
  const path = `/api/v1/views/${benchView}/fs/tree?path=/small`;
  const {bytes} = await load(gateway.port, path, 500);
  const servers = {
    'gateway, fs/tree': {...gateway, path},
    'bare Hono route': {...(await startServer([String(bytes)], 'bare-hono.ts')), path: '/'},
    'bare node:http': {...(await startServer(['node', String(bytes)])), path: '/'},
  };
  const figures = Object.values(servers).map(server => ({...server, perSecond: [] as number[], cpu: [] as number[]}));
  for (const {port, path: asked} of figures) await load(port, asked, 500);
  for (let round = 0; round < rounds; round++) {
    for (const figure of figures) {
      const before = cpuMs(figure);
      const {perSecond, requests} = await load(figure.port, figure.path, roundMs);
      figure.perSecond.push(perSecond);
      figure.cpu.push(((cpuMs(figure) - before) * 1000) / requests);
    }
  }
  console.log(
    `\na directory of ${smallEntries} entries (${bytes} bytes) in a tree of ${entries}, ${connections} connections`,
  );
  const ours = figures[0]!;
  for (const [index, name] of Object.keys(servers).entries()) {
    const {perSecond, cpu, child} = figures[index]!;
    const ratio = median(ours.perSecond) / median(perSecond);
    report(
      `  ${name}`,
      `${count(median(perSecond)).padStart(7)} requests/s, ${median(cpu).toFixed(0).padStart(4)} µs of CPU each`,
      index === 0 ? '' : `the gateway is ${ratio.toFixed(2)} × this`,
    );
    child.kill();
  }
}

type Load = {perSecond: number; requests: number; bytes: number};

/** Asks the same on kept connections for so long. Answers have a Content-Length. */
async function load(port: number, path: string, durationMs: number): Promise<Load> {
  const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${benchKey}\r\n\r\n`;
  const startedAt = performance.now();
  let requests = 0;
  let bytes = 0;
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(request));
      let missing = 0;
      socket.setNoDelay();
      socket.on('error', reject);
      socket.on('data', chunk => {
        if (missing === 0) {
          const head = chunk.toString('latin1');
          const [, length] = /^HTTP\/1\.1 200 .*?\r\ncontent-length: (\d+)\r\n/is.exec(head) ?? [];
          if (length === undefined) return reject(new Error(`not an answer: ${head.slice(0, 300)}`));
          bytes = Number(length);
          missing = head.indexOf('\r\n\r\n') + 4 + bytes;
        }
        missing -= chunk.length;
        if (missing > 0) return;
        requests++;
        if (performance.now() - startedAt < durationMs) return void socket.write(request);
        socket.destroy();
        resolve();
      });
    });
  await Promise.all(Array.from({length: connections}, one));
  return {perSecond: (requests * 1000) / (performance.now() - startedAt), requests, bytes};
}

// ── Servers

async function startServer(args: string[], file = 'query.ts'): Promise<BenchProcess> {
  return startProcess(join(import.meta.dirname, file), args);
}

function serveNode(bytes: number): void {
  const body = Buffer.alloc(bytes, 'x');
  const headers = {'content-type': 'application/json', 'content-length': bytes};
  const server = createServer((_, response) => response.writeHead(200, headers).end(body));
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
}

function report(what: string, figure: string, note = ''): void {
  console.log(`${what.padEnd(46)} ${figure}${note === '' ? '' : `   ${note}`}`);
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
