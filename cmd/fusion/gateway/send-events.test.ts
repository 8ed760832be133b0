import {once} from 'node:events';
import {createServer, type Server} from 'node:http';
import {type AddressInfo, connect} from 'node:net';
import {getRequestListener} from '@hono/node-server';
import {Hono} from 'hono';
import {afterEach, expect, test} from 'vitest';
import type {Log} from '../../../core/log/log.ts';
import {readerKey} from '../../../test/lib/gateway-app.ts';
import {quietLog} from '../../../test/lib/identity-parts.ts';
import type {GatewayEnv} from './app.ts';
import {sendEvents} from './send-events.ts';
import {Turns} from './turns.ts';
import {WaitingClients} from './waiting-clients.ts';

let server: Server;
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

test('a stream of events that fails breaks off as any answer does: a client of HTTP/1.0 hears of it, and the log says whose it was', async () => {
  const logged: unknown[] = [];
  const log: Log = {...quietLog, error: (facts, message) => void logged.push({...facts, message})};
  const {promise: isReceived, resolve: received} = Promise.withResolvers<void>();
  async function* events() {
    yield Buffer.from('data: one\n\n');
    await isReceived;
    throw new Error('This is a bug.');
  }
  const app = new Hono<GatewayEnv>();
  app.get('*', context => {
    context.set('key', readerKey);
    return sendEvents(context, events, {turns: new Turns(), waiting: new WaitingClients(), log, view: 'research'});
  });
  server = createServer(getRequestListener(app.fetch)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('data', received);
  const failed = new Promise(resolve => socket.once('error', resolve));
  const ended = new Promise(resolve => socket.once('end', resolve));
  socket.write('GET /watch?path=%2Fa HTTP/1.0\r\nHost: x\r\n\r\n');
  expect(await Promise.race([failed, ended])).toMatchObject({code: 'ECONNRESET'});
  expect(logged).toEqual([
    {
      ...{view: 'research', request: '/watch', path: '/a', key: 'reader', client: '127.0.0.1'},
      ...{error: expect.stringContaining('This is a bug.'), message: 'an answer broke off'},
    },
  ]);
});
