import {once} from 'node:events';
import {createServer, type Server} from 'node:http';
import {type AddressInfo, connect} from 'node:net';
import {getRequestListener} from '@hono/node-server';
import {Hono} from 'hono';
import {afterEach, expect, test} from 'vitest';
import {quietLog} from '../../../test/lib/identity-parts.ts';
import type {GatewayEnv} from './app.ts';
import {sendChunks} from './send-chunks.ts';
import {Turns} from './turns.ts';
import {WaitingClients} from './waiting-clients.ts';

let server: Server;
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

test.each([undefined, 'gzip'])(
  'a client that is gone before its answer begins waits for nothing (%s)',
  async coding => {
    const waiting = new WaitingClients();
    const {promise: isSent, resolve} = Promise.withResolvers<void>();
    const app = new Hono<GatewayEnv>();
    app.get('*', async context => {
      hangUp();
      await once(context.env.outgoing, 'close');
      const chunks = {first: [Buffer.alloc(4096)], next: () => [Buffer.alloc(4096)], isDone: false};
      const response = sendChunks(context, chunks, {turns: new Turns(), waiting, log: quietLog});
      setTimeout(resolve, 0);
      return response;
    });
    server = createServer(getRequestListener(app.fetch)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const hangUp = () => socket.destroy();
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${coding ? `Accept-Encoding: ${coding}\r\n` : ''}\r\n`);
    await isSent;
    expect(waiting.count).toBe(0);
  },
);
