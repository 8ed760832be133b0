import {once} from 'node:events';
import {BoundSocket, connect as connectPlain} from 'node:net';
import {connect, type TLSSocket} from 'node:tls';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {FusionSender} from '../../../drivers/sender-fusion/fusion-sender.ts';
import {askJson} from '../../../test/lib/ask-json.ts';
import {openAuthority, quietLog} from '../../../test/lib/identity-parts.ts';
import {openMemoryControl} from '../../../test/lib/memory-control.ts';
import {until} from '../../../test/lib/until.ts';
import {createGatewayServer, listenOn} from './http-server.ts';
import {WaitingClients} from './waiting-clients.ts';

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

let ca: string;
let url: string;
let port: number;
beforeEach(async () => {
  const authority = await openAuthority(openMemoryControl());
  ca = authority.certificate;
  const {certificate: cert, key} = await authority.issueServer(['127.0.0.1']);
  const {server} = createGatewayServer({
    listener: async (incoming, outgoing) => {
      // When it was heard that nothing more comes.
      if (incoming.url === '/slow') await once(incoming.socket, 'end');
      outgoing.end('{"data": {"acknowledged": 0}}');
    },
    ...{waiting: new WaitingClients(), clientTimeoutMs: 10_000, connectionsMax: 20, tls: {cert, key}, log: quietLog},
  });
  const socket = new BoundSocket({host: '127.0.0.1', port: 0});
  port = (socket.address() as {port: number}).port;
  await listenOn(server, socket.fd());
  cleanups.push(() => {
    server.close();
    server.closeAllConnections();
  });
  url = `https://127.0.0.1:${port}`;
});

test('a gateway with a certificate answers over TLS, to who trusts its authority', async () => {
  expect(await askJson(url, {tls: {ca}})).toMatchObject({status: 200});
  await expect(askJson(url)).rejects.toThrow(/certificate/);
  await expect(askJson(url.replace('https', 'http'))).rejects.toThrow();
});

test('a client that has said all and closes its half hears its answer, over TLS too', async () => {
  const options = {host: '127.0.0.1', port, ca, allowHalfOpen: true};
  const socket = connect(options);
  cleanups.push(() => socket.destroy());
  const received: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => received.push(bytes));
  socket.end('GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  await new Promise((resolve, reject) => socket.once('end', resolve).once('error', reject));
  expect(Buffer.concat(received).toString()).toContain('"acknowledged": 0');
});

test('who hangs up before TLS is spoken keeps no connection', async () => {
  const socket = connectPlain({host: '127.0.0.1', port, allowHalfOpen: true});
  cleanups.push(() => socket.destroy());
  let isEnded = false;
  for (const event of ['end', 'error']) {
    socket.once(event, () => {
      isEnded = true;
    });
  }
  socket.resume().end();
  await until(() => isEnded, {timeoutMs: 10_000, what: 'the end'}); // half of the time that a handshake has
});

test('idle connections make room for new ones, with TLS too', async () => {
  const idle: TLSSocket[] = [];
  for (let i = 0; i < 19; i++) {
    const socket = connect({host: '127.0.0.1', port, ca});
    cleanups.push(() => socket.destroy());
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await new Promise(resolve => socket.once('data', resolve));
    idle.push(socket);
  }
  for (let i = 0; i < 5; i++) expect((await askJson(url, {tls: {ca}})).status).toBe(200);
  await until(() => idle.some(({destroyed, readableEnded}) => destroyed || readableEnded), {
    what: 'a connection that made room',
  });
});

test('a sender reaches it by the authority that it is told, and by no other', async () => {
  const settings = {url, key: 'a-key-of-the-agents', requestTimeoutMs: 5_000};
  const heartbeat = {wait_ms: 0} as Parameters<FusionSender['heartbeat']>[1];
  const errorOf = async (sender: FusionSender) => {
    const error = await sender.heartbeat('s1', heartbeat, new AbortController().signal).then(
      () => undefined,
      error => error as Error,
    );
    await sender.close();
    return error?.message;
  };
  expect(await errorOf(new FusionSender({...settings, ca: [ca]}))).toMatch(/not of a fusion/);
  expect(await errorOf(new FusionSender(settings))).toMatch(/Cannot reach/);
});
