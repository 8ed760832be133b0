import {once} from 'node:events';
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net';
import {afterEach, expect, test} from 'vitest';
import {ask as askUrl} from './http-ask.ts';

let server: Server | undefined;
const sockets = new Set<Socket>();
afterEach(() => {
  server?.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});

const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

test('a connection that is reset before the answer is tried once more', async () => {
  const url = await serve((socket, count) => (count === 1 ? socket.resetAndDestroy() : socket.end(answer)));
  await expect(ask(url)).resolves.toMatchObject({status: 200, text: 'ok'});
});

test('an answer that breaks off is asked for once more', async () => {
  const half = answer.replace('2\r\n', '900\r\n');
  const url = await serve((socket, count) => (count === 1 ? socket.end(half) : socket.end(answer)));
  await expect(ask(url)).resolves.toMatchObject({text: 'ok'});
});

test('a connection that is reset again is told as unreachable', async () => {
  let connections = 0;
  const url = await serve(socket => {
    connections++;
    socket.resetAndDestroy();
  });
  await expect(ask(url)).rejects.toMatchObject({
    code: 'UNREACHABLE',
    message: `Cannot reach ${url}: the connection was closed before the answer was complete.`,
  });
  expect(connections).toBe(2);
});

test('a refused connection is told as unreachable', async () => {
  const url = await serve(() => {});
  server!.close();
  await once(server!, 'close');
  await expect(ask(url)).rejects.toMatchObject({
    code: 'UNREACHABLE',
    message: `Cannot reach ${url}: nothing listens there.`,
  });
});

test.each([
  ['a connection that is refused for less than a second is tried until it is taken', 0],
  ['a connection that breaks after one was refused is tried once more', 1],
])('%s', async (_, broken) => {
  const url = await serve((socket, count) => (count <= broken ? socket.resetAndDestroy() : socket.end(answer)));
  const {port} = server!.address() as AddressInfo;
  server!.close();
  await once(server!, 'close');
  const asked = ask(url);
  setTimeout(() => server!.listen(port, '127.0.0.1'), 200);
  await expect(asked).resolves.toMatchObject({status: 200, text: 'ok'});
});

test('an order is sent again, with its body, when the connection breaks', async () => {
  const bodies: string[] = [];
  const url = await serve((socket, count, data) => {
    bodies.push(data.slice(data.indexOf('\r\n\r\n') + 4));
    return count === 1 ? socket.resetAndDestroy() : socket.end(answer);
  });
  const body = {path: '/data'};
  await expect(askUrl(url, {headers: {}, timeoutMs: 10_000, body})).resolves.toMatchObject({status: 200});
  expect(bodies).toEqual([JSON.stringify(body), JSON.stringify(body)]);
});

test('a host without a name is told as unreachable', async () => {
  await expect(ask('http://no-such-host.invalid')).rejects.toMatchObject({code: 'UNREACHABLE', exitCode: 3});
});

test.each([
  ['before the answer', ''],
  ['within the answer', answer.replace('2\r\n', '900\r\n')],
])('silence %s ends in time', async (_when, sent) => {
  const url = await serve(socket => socket.write(sent));
  await expect(askUrl(url, {headers: {}, timeoutMs: 50})).rejects.toMatchObject({
    code: 'TIMED_OUT',
    exitCode: 6,
    message: `${url} did not answer within 0.05 s.`,
  });
});

test('redirections are not followed', async () => {
  const url = await serve(socket =>
    socket.end('HTTP/1.1 302 Found\r\nlocation: http://evil/\r\ncontent-length: 0\r\n\r\n'),
  );
  await expect(ask(url)).resolves.toEqual({status: 302, location: 'http://evil/', text: ''});
});

async function ask(url: string) {
  const {bytes, ...answer} = await askUrl(url, {headers: {}, timeoutMs: 10_000});
  return {...answer, text: bytes.toString()};
}

/** A server that treats each connection as told, once the request has begun to arrive. */
async function serve(treat: (socket: Socket, count: number, data: string) => unknown): Promise<string> {
  let count = 0;
  server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    const number = ++count;
    socket.once('data', data => treat(socket, number, data.toString()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
