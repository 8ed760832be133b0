import {once} from 'node:events';
import {createServer, type RequestListener, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {afterEach, expect, test} from 'vitest';
import type {ControlHeartbeat} from '../../core/control/protocol.ts';
import {HttpControlChannel} from './control-channel.ts';
import {HttpWay} from './http-way.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(answer: RequestListener): Promise<string> {
  const server: Server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function channelTo(url: string, answerMs = 20_000): HttpControlChannel {
  const way = new HttpWay(url);
  cleanups.push(() => way.close());
  return new HttpControlChannel({way, token: () => 'key-of-agents', answerMs});
}

const request: ControlHeartbeat = {
  agent_id: 'node-a',
  instance: 'one',
  sequence: 1,
  shell: {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: 'h'},
  config: {state: 'running'},
  parts: [],
  acknowledgements: [],
  known_commands: [],
  wait_ms: 0,
};
const never = new AbortController().signal;
const json = (status: number, body: object) => (response: ServerResponse) =>
  response.writeHead(status).end(JSON.stringify(body));

test('a heartbeat goes with its key, and the answer comes back', async () => {
  const commands = [{id: 'c', part: 'payload-p', command: 'kill', deadline_ms: 5}];
  let asked = '';
  const url = await serve((request, response) => {
    asked = `${request.method} ${request.url} ${request.headers.authorization}`;
    json(200, {data: {commands, held_ms: 3}})(response);
  });
  expect(await channelTo(`${url}/`).heartbeat(request, never)).toEqual({commands, held_ms: 3});
  expect(asked).toBe('POST /api/v1/control/heartbeat Bearer key-of-agents');
});

const refusal = {error: {code: 'UNAUTHENTICATED', message: 'The API key is not known here.'}};
test.each<[string, (response: ServerResponse) => unknown, string, string]>([
  ['401', json(401, refusal), 'UNAUTHENTICATED', 'answered 401: The API key is not known here.'],
  ['429', json(429, {error: {code: 'NEW_CODE', message: 'Later.'}}), 'UNREACHABLE', 'answered 429: Later.'],
  ['503 of a proxy', response => response.writeHead(503).end('<h1>Bad gateway</h1>'), 'UNREACHABLE', 'answered 503'],
  ['garbage', response => response.end('<h1>Welcome</h1>'), 'UNREACHABLE', 'not as a controller does'],
  ['another JSON', json(200, {data: {commands: 'none'}}), 'UNREACHABLE', 'not as a controller does'],
  ['null', response => response.end('null'), 'UNREACHABLE', 'not as a controller does'],
  ['a redirection', response => response.writeHead(302, {location: '/x'}).end(), 'UNREACHABLE', 'answered 302'],
  ['a reset', response => response.destroy(), 'UNREACHABLE', 'ECONNRESET'],
  ['half an answer', response => cut(response), 'UNREACHABLE', 'ECONNRESET'],
  ['no answer', () => {}, 'TIMED_OUT', 'no answer within 0.2 s'],
  ['an answer without end', response => drip(response, ' '), 'TIMED_OUT', 'no answer within 0.2 s'],
  ['an endless flood', response => drip(response, 'x'.repeat(2 ** 20)), 'UNREACHABLE', 'larger than 1048576 bytes'],
])('%s is an error that says so', async (_, answer, code, message) => {
  const url = await serve((_, response) => void answer(response));
  const channel = code === 'TIMED_OUT' ? channelTo(url, 200) : channelTo(url);
  await expect(channel.heartbeat(request, never)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});

test('nobody there is an error, and one that is told to stop ends at once', async () => {
  await expect(channelTo('http://127.0.0.1:1').heartbeat(request, never)).rejects.toMatchObject({
    code: 'UNREACHABLE',
    message: 'Cannot reach http://127.0.0.1:1: ECONNREFUSED.',
  });
  const stop = new AbortController();
  const url = await serve(() => stop.abort());
  await expect(channelTo(url, 60_000).heartbeat(request, stop.signal)).rejects.toThrow();
});

function cut(response: ServerResponse): void {
  response.writeHead(200, {'content-length': 1_000});
  response.write('{"data"', () => response.destroy());
}

function drip(response: ServerResponse, text: string): void {
  const timer = setInterval(() => response.write(text), 10);
  response.on('close', () => clearInterval(timer));
}
