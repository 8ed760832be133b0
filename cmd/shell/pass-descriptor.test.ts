import {closeSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync} from 'node:fs';
import {createServer, get} from 'node:http';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {ScriptProcess} from '../../test/lib/script-process.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {socketFacts} from '../socket-facts.ts';
import {receiveDescriptor} from './pass-descriptor.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function folder(): string {
  const made = temporaryFolder();
  cleanups.push(() => made.remove());
  return made.path;
}

/** A process that listens on a port, which it prints, and hands the socket out. A line on its stdin closes that server. */
async function gateway(path: string, name = 'gateway'): Promise<{process: ScriptProcess; port: number}> {
  const started = new ScriptProcess(`
    import {createServer} from 'node:http';
    import {BoundSocket} from 'node:net';
    import {serveDescriptor} from 'cmd/shell/pass-descriptor.ts';
    const socket = new BoundSocket({host: '127.0.0.1', port: 0});
    createServer((_, response) => response.setHeader('connection', 'close').end(${JSON.stringify(name)})).listen({fd: socket.fd()});
    const server = await serveDescriptor(socket.fd(), ${JSON.stringify(path)});
    process.stdin.once('data', () => server.close(() => console.log('closed')));
    console.log(socket.address().port);
  `);
  cleanups.push(() => started.kill());
  return {process: started, port: Number(await started.line(1))};
}

function answer(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({host: '127.0.0.1', port, agent: false}, response => {
      response.setEncoding('utf8').on('data', resolve);
    }).on('error', reject);
  });
}

test('a listening socket outlives the process that handed it out, with nobody refused', async () => {
  const path = join(folder(), 'socket');
  const first = await gateway(path);
  expect(await answer(first.port)).toBe('gateway');
  const fd = receiveDescriptor(path)!;
  expect(socketFacts(fd)).toEqual({kind: 'tcp', host: '127.0.0.1', port: first.port, isListening: true});
  await first.process.kill();
  const early = answer(first.port); // it waits in the queue of the socket, because nobody accepts yet
  const second = createServer((_, response) => response.setHeader('connection', 'close').end('second'));
  await new Promise<void>(resolve => second.listen({fd}, resolve));
  cleanups.push(() => new Promise(resolve => second.close(resolve)));
  expect([await early, await answer(first.port)]).toEqual(['second', 'second']);
});

test('only its user may connect, it is closed on exec, and a hundred of them leave no descriptor', async () => {
  const path = join(folder(), 'socket');
  await gateway(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const fd = receiveDescriptor(path)!;
  expect(flagsOf(fd) & 0o2000000).toBe(0o2000000);
  closeSync(fd);
  const before = readdirSync('/proc/self/fd').length;
  for (let count = 0; count < 100; count++) closeSync(receiveDescriptor(path)!);
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

test('a path may be longer than the address of a socket', async () => {
  const directory = join(folder(), 'x'.repeat(120));
  mkdirSync(directory);
  const {port} = await gateway(join(directory, 'socket'));
  const fd = receiveDescriptor(join(directory, 'socket'))!;
  expect(socketFacts(fd)).toMatchObject({port});
  closeSync(fd);
});

test('a later server takes the path over, and the end of the earlier one leaves it alone', async () => {
  const path = join(folder(), 'socket');
  const earlier = await gateway(path, 'earlier');
  const later = await gateway(path, 'later');
  earlier.process.child.stdin!.write('close\n');
  expect(await earlier.process.line(2)).toBe('closed');
  const fd = receiveDescriptor(path)!;
  expect(socketFacts(fd)).toMatchObject({port: later.port});
  closeSync(fd);
  later.process.child.stdin!.write('close\n');
  expect(await later.process.line(2)).toBe('closed');
  expect(existsSync(path)).toBe(false);
});

test('who is stopped, gone or somebody else gives nothing, and in time', async () => {
  const directory = folder();
  const path = join(directory, 'socket');
  expect(receiveDescriptor(path)).toBe(undefined);
  expect(receiveDescriptor(join(directory, 'x'.repeat(120), 'socket'))).toBe(undefined);
  const {process: stopped} = await gateway(path);
  stopped.child.kill('SIGSTOP');
  await until(() => stateOf(stopped.pid) === 'T', {what: 'the stop'});
  const startedAt = performance.now();
  expect(receiveDescriptor(path, {timeoutMs: 100})).toBe(undefined);
  expect(performance.now() - startedAt).toBeGreaterThan(90);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  await stopped.kill();
  expect(receiveDescriptor(path)).toBe(undefined);
});

test('a server that sends no descriptor gives nothing', async () => {
  const path = join(folder(), 'socket');
  const talker = new ScriptProcess(`
    import {createServer} from 'node:net';
    createServer(connection => connection.on('error', () => {}).end('x')).listen(${JSON.stringify(path)}, () => console.log('up'));
  `);
  cleanups.push(() => talker.kill());
  await talker.line(1);
  expect(receiveDescriptor(path)).toBe(undefined);
});

/** Those of open(2). */
function flagsOf(descriptor: number): number {
  return Number.parseInt(/^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))![1]!, 8);
}

function stateOf(pid: number): string {
  return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]!;
}
