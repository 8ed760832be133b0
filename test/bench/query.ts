import {type ChildProcess, spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {type AddressInfo, BoundSocket, connect} from 'node:net';
import {join} from 'node:path';
import {runGateway} from '../../cmd/fusion/gateway/run-gateway.ts';
import {type ByteString, fromText} from '../../core/entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kinds, newEntryFrom} from '../../core/entry/entry.ts';
import {packRun} from '../../core/entry/packed.ts';
import {rootPath} from '../../core/entry/path.ts';
import type {Log} from '../../core/log/log.ts';
import {TreeAnswer} from '../../core/query/tree-answer.ts';
import {rootDirectory, type TreeWrite, verdicts} from '../../core/tree/tree-store.ts';
import {openTreeReader, openTreeStore} from '../../store/tree-store.ts';
import {temporaryFolder} from '../lib/temporary-folder.ts';
import {median} from './load.ts';

/**
 * What a query costs: `node --disable-warning=ExperimentalWarning test/bench/query.ts [entries]`.
 *
 * Servers are processes of their own, one each. The client is plain sockets, because Node's HTTP client costs more than the
 * servers and would hide their difference. CPU time of the server says the same without the noise of other work.
 */
const [role = '1000000', argument = ''] = process.argv.slice(2);
const smallEntries = 250;
const filesPerDirectory = 100;
const connections = 32;
const rounds = 5;
const roundMs = 1_500;
const view = 'bench';

if (role === 'gateway') await serveGateway(argument);
else if (role === 'node') serveNode(Number(argument));
else await bench(Number(role));

async function bench(entryCount: number): Promise<void> {
  using folder = temporaryFolder('fustor-bench-');
  const made = await fill(folder.path, entryCount);
  await wholeTree(folder.path, made);
  await smallDirectory(folder.path, made);
}

// ── The tree

/** A directory `/small`, and directories of files up to `entryCount`. Returns how many there are. */
async function fill(folder: string, entryCount: number): Promise<number> {
  const store = await openTreeStore(folder);
  const perDirectory = filesPerDirectory + 1;
  const directories = Math.ceil(entryCount / perDirectory);
  const list = (txn: TreeWrite, directory: DirectoryNumber, entries: Entry[]) => {
    txn.merge(directory, {after: undefined, until: undefined}, packRun(entries), 1, () => verdicts.take);
    txn.setDirectory(directory, {listedAt: 1});
  };
  await store.write(txn => {
    const names = Array.from({length: directories}, (_, i) => `directory-${String(i).padStart(6, '0')}`);
    list(
      txn,
      rootDirectory,
      [...names, 'small'].map((name, i) => made(name, i, kinds.directory)),
    );
    list(txn, txn.entry(rootDirectory, fromText('small'))!.directory, files(smallEntries));
  });
  for (let at = 0; at < directories; at += 200) {
    await store.write(txn => {
      for (let i = at; i < Math.min(at + 200, directories); i++) {
        const entry = txn.entry(rootDirectory, fromText(`directory-${String(i).padStart(6, '0')}`))!;
        list(txn, entry.directory, files(filesPerDirectory));
      }
    });
  }
  await store.close();
  return directories * perDirectory + smallEntries + 1;
}

function files(count: number): Entry[] {
  return Array.from({length: count}, (_, i) => made(`sample_${String(i).padStart(5, '0')}.dat`, i, kinds.file));
}

function made(name: string, seed: number, kind: Entry['kind']): Entry {
  const time = {seconds: 1_700_000_000 + (seed % 1_000_000), nanos: (seed * 123_456_789) % 1_000_000_000};
  return newEntryFrom(fromText(name) as ByteString, {kind, size: seed * 1000, mtime: time, ctime: time});
}

// ── Everything below the root

async function wholeTree(folder: string, entries: number): Promise<void> {
  const reader = openTreeReader(folder);
  const perSecond: number[] = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const options = {depthMax: Number.POSITIVE_INFINITY, onlyPath: false, limit: Number.POSITIVE_INFINITY};
    const answer = new TreeAnswer({view, path: rootPath, after: undefined, ...options});
    bytes = 0;
    const startedAt = performance.now();
    while (!answer.isDone) bytes += reader.read(txn => answer.next(txn, 0))!.byteLength;
    perSecond.push((entries * 1000) / (performance.now() - startedAt));
  }
  await reader.close();
  console.log(`whole tree, ${entries} entries, ${(bytes / 2 ** 20).toFixed(0)} MiB of JSON`);
  report('  as bytes, from LMDB', `${count(median(perSecond))} entries/s`);

  const gateway = await startServer(['gateway', folder]);
  const overHttp: number[] = [];
  let peak = 0;
  for (let round = 0; round < 3; round++) {
    const startedAt = performance.now();
    const path = `/api/v1/views/${view}/fs/tree?recursive=true`;
    const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {headers: {'x-api-key': 'bench'}});
    for await (const _ of response.body!) peak = Math.max(peak, anonymousBytes(gateway));
    overHttp.push((entries * 1000) / (performance.now() - startedAt));
  }
  report('  over HTTP, to a client that only counts', `${count(median(overHttp))} entries/s`);
  report('  gateway: largest memory of its own meanwhile', `${(peak / 2 ** 20).toFixed(0)} MiB`);
  gateway.child.kill();
}

// ── One directory, again and again

async function smallDirectory(folder: string, entries: number): Promise<void> {
  const gateway = await startServer(['gateway', folder]);
  const path = `/api/v1/views/${view}/fs/tree?path=/small`;
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
  const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: bench\r\n\r\n`;
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

type Server = {child: ChildProcess; port: number};

async function startServer(args: string[], file = 'query.ts'): Promise<Server> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, file), ...args],
    {stdio: ['ignore', 'pipe', 'inherit']},
  );
  const [line] = await once(child.stdout!, 'data');
  return {child, port: Number(line)};
}

async function serveGateway(folder: string): Promise<void> {
  const socket = new BoundSocket({host: '127.0.0.1', port: 0});
  const sha256 = createHash('sha256').update('bench').digest('hex');
  const ready = () => console.log((socket.address() as AddressInfo).port);
  const log: Log = {debug() {}, info: ready, warn: console.error, error: console.error, child: () => log};
  await runGateway(
    {
      id: String(process.pid),
      listenFd: socket.fd(),
      runDirectory: join(folder, 'run'),
      keys: [{name: 'bench', role: 'reader', sha256, views: '*'}],
      views: [{name: view, storeDirectory: folder, engineSocket: join(folder, 'engine.sock')}],
    },
    {log, signal: new AbortController().signal},
  );
}

function serveNode(bytes: number): void {
  const body = Buffer.alloc(bytes, 'x');
  const headers = {'content-type': 'application/json', 'content-length': bytes};
  const server = createServer((_, response) => response.writeHead(200, headers).end(body));
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
}

/** CPU time so far; the kernel counts it in hundredths of a second. */
function cpuMs({child}: Server): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resident memory without what is mapped from files: the tree itself is such a map. */
function anonymousBytes({child}: Server): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) * 1024;
}

function report(what: string, figure: string, note = ''): void {
  console.log(`${what.padEnd(46)} ${figure}${note === '' ? '' : `   ${note}`}`);
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
