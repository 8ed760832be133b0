import {once} from 'node:events';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {afterEach, expect, test} from 'vitest';
import {FusionSender} from './fusion-sender.ts';

const progress = {role: 'leader', hlc: 7, last_batch: 3, has_snapshot: true, look_at: [], scans: []};
const never = new AbortController().signal;
const batch = {session: 's', number: 3, sentAt: 1, bytes: Buffer.from('batch')};

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

/** A sender, and a fusion that does with each request, counted from 1, as told. */
async function senderTo(treat: (request: IncomingMessage, response: ServerResponse, count: number) => void) {
  let count = 0;
  server = createServer((request, response) => treat(request, response, ++count)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new FusionSender({url, key: 'key-of-the-agent', requestTimeoutMs: 5_000});
}

function confirm(response: ServerResponse): void {
  response.end(JSON.stringify({data: progress}));
}

test('a batch on a kept connection that is reset is sent again at once, on another', async () => {
  const seen: {body: string; port: number | undefined}[] = [];
  const sender = await senderTo(async (request, response, count) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({body, port: request.socket.remotePort});
    if (count === 2) request.socket.resetAndDestroy();
    else confirm(response);
  });
  await sender.send(batch, never);
  await expect(sender.send(batch, never)).resolves.toEqual(progress);
  expect(seen.map(({body}) => body)).toEqual(['batch', 'batch', 'batch']);
  expect(seen[1]!.port).toBe(seen[0]!.port);
  expect(seen[2]!.port).not.toBe(seen[0]!.port);
  await sender.close();
});

test('up to when the source has told everything goes with a batch and with a heartbeat, where it is known', async () => {
  const told: unknown[] = [];
  const sender = await senderTo((request, response) => {
    told.push(request.headers['x-fustor-told-until']);
    confirm(response);
  });
  const toldUntil = {hlc: 7, ms: 12.5};
  await sender.send({...batch, toldUntil}, never);
  await sender.heartbeat('s', {queued: 0, wants_suspects: false, wait_ms: 0, jobs: [], toldUntil}, never);
  await sender.send(batch, never);
  expect(told).toEqual(['7 12', '7 12', undefined]);
  await sender.close();
});

test('a connection that is reset twice is unreachable', async () => {
  let requests = 0;
  const sender = await senderTo((request, _response, count) => {
    requests = count;
    request.socket.resetAndDestroy();
  });
  await expect(sender.heartbeat('s', {queued: 0, wants_suspects: false} as never, never)).rejects.toMatchObject({
    code: 'UNREACHABLE',
    message: expect.stringContaining('ECONNRESET'),
  });
  expect(requests).toBe(2);
  await sender.close();
});

test('the end of a session that was told twice is its end', async () => {
  const sender = await senderTo((request, response, count) => {
    if (count === 1) request.socket.resetAndDestroy();
    else response.writeHead(410).end(JSON.stringify({error: {code: 'SESSION_UNKNOWN', message: 'It ended.'}}));
  });
  await expect(sender.end('s', never)).resolves.toBeUndefined();
  await sender.close();
});

test.each([
  ['2', 2_000],
  ['100000', 60_000],
  ['Wed, 21 Oct 2015 07:28:00 GMT', undefined],
])('an answer "later" tells when: Retry-After %s', async (header, retryAfterMs) => {
  const sender = await senderTo((_request, response) => {
    response.writeHead(503, {'retry-after': header});
    response.end(JSON.stringify({error: {code: 'ENGINE_UNAVAILABLE', message: 'Away.'}}));
  });
  await expect(sender.send(batch, never)).rejects.toMatchObject({code: 'ENGINE_UNAVAILABLE', retryAfterMs});
  await sender.close();
});
