import {closeSync, openSync} from 'node:fs';
import {BoundSocket, createServer, type Server} from 'node:net';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {ScriptProcess} from '../../test/lib/script-process.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {inheritedSockets} from './listen-fds.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const script = `
  import {spawnSync} from 'node:child_process';
  import {readlinkSync} from 'node:fs';
  import {inheritedSockets} from 'cmd/systemd/listen-fds.ts';
  const env = {...process.env, ...(process.env.LISTEN_FDS && {LISTEN_PID: String(process.pid)})};
  let result;
  try {
    result = {sockets: inheritedSockets(env)};
  } catch (error) {
    result = {code: error.code, message: error.message};
  }
  const left = Object.keys(env).filter(name => name.startsWith('LISTEN'));
  const child = spawnSync('ls', ['-l', '/proc/self/fd'], {encoding: 'utf8'}).stdout;
  const isHandedOn = result.sockets?.some(({fd}) => child.includes(readlinkSync('/proc/self/fd/' + fd)));
  console.log(JSON.stringify({...result, left, isHandedOn}));
`;

/** What a process with these descriptors from 3 on says. */
async function said(descriptors: number[], env: NodeJS.ProcessEnv): Promise<Record<string, unknown>> {
  const child = new ScriptProcess(script, {stdio: ['ignore', 'pipe', 'pipe', ...descriptors], env});
  cleanups.push(() => child.kill());
  return JSON.parse(await child.line(1)) as Record<string, unknown>;
}

async function listening(host: string): Promise<{fd: number; port: number}> {
  const socket = new BoundSocket({host, port: 0});
  const {port} = socket.address();
  const fd = socket.fd();
  const server: Server = createServer();
  await new Promise<void>(resolve => server.listen({fd}, resolve));
  cleanups.push(
    () => new Promise(resolve => server.close(resolve)),
    () => socket.close(),
  );
  return {fd, port};
}

test('listening sockets are found with their names and addresses, and children get neither them nor the variables', async () => {
  const ipv4 = await listening('127.0.0.1');
  const ipv6 = await listening('::1');
  const any = await listening('::');
  const env = {LISTEN_FDS: '3', LISTEN_FDNAMES: 'http:admin'};
  expect(await said([ipv4.fd, ipv6.fd, any.fd], env)).toEqual({
    sockets: [
      {fd: 3, name: 'http', host: '127.0.0.1', port: ipv4.port},
      {fd: 4, name: 'admin', host: '::1', port: ipv6.port},
      {fd: 5, name: 'unknown', host: '::', port: any.port},
    ],
    left: [],
    isHandedOn: false,
  });
});

test('a socket that is bound and does not listen is refused', async () => {
  const socket = new BoundSocket({host: '127.0.0.1', port: 0});
  cleanups.push(() => socket.close());
  expect(await said([socket.fd()], {LISTEN_FDS: '1', LISTEN_FDNAMES: 'http'})).toMatchObject({
    code: 'LISTEN_FAILED',
    message: expect.stringContaining('Descriptor 3 ("http")'),
    left: [],
  });
});

test('a file and a unix socket are refused, and so is a descriptor that is not open', async () => {
  using folder = temporaryFolder();
  const file = openSync(join(folder.path, 'file'), 'w');
  cleanups.push(() => closeSync(file));
  const server = createServer();
  await new Promise<void>(resolve => server.listen(join(folder.path, 'socket'), resolve));
  cleanups.push(() => new Promise(resolve => server.close(resolve)));
  const {_handle: handle} = server as Server & {_handle: {fd: number}};
  const refusal = {code: 'LISTEN_FAILED', message: expect.stringContaining('not a TCP socket')};
  expect(await said([file], {LISTEN_FDS: '1'})).toMatchObject(refusal);
  expect(await said([handle.fd], {LISTEN_FDS: '1'})).toMatchObject(refusal);
  expect(await said([], {LISTEN_FDS: '900'})).toMatchObject({code: 'LISTEN_FAILED'});
});

test('what is meant for another process is not taken, and not handed on', () => {
  const env: NodeJS.ProcessEnv = {LISTEN_FDS: '1', LISTEN_PID: '1', LISTEN_FDNAMES: 'http', OTHER: 'x'};
  expect(inheritedSockets(env, 2)).toEqual([]);
  expect(env).toEqual({OTHER: 'x'});
  expect(inheritedSockets({})).toEqual([]);
  expect(() => inheritedSockets({LISTEN_FDS: 'many', LISTEN_PID: '2'}, 2)).toThrow(/LISTEN_FDS is "many"/);
});
