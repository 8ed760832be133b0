import type {Server} from 'node:http';
import {type AddressInfo, BoundSocket, connect} from 'node:net';
import {getRequestListener} from '@hono/node-server';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {kinds, newEntryFrom, zeroTime} from '../../../core/entry/entry.ts';
import type {Log} from '../../../core/log/log.ts';
import {rootDirectory, type TreeReader, type TreeStore} from '../../../core/tree/tree-store.ts';
import {unreadableTree} from '../../../store/empty-tree.ts';
import {gatewayParts, readerKey} from '../../../test/lib/gateway-app.ts';
import {quietLog} from '../../../test/lib/identity-parts.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import {KeyRing} from '../../http/keys.ts';
import {createApp} from './app.ts';
import {createGatewayServer, listenOn} from './http-server.ts';
import {Views} from './views.ts';
import {WaitingClients} from './waiting-clients.ts';

const files = 20_000;

let store: TreeStore;
let server: Server;
/** Looks at the store that succeed. */
let looksLeft: number;
/** What was logged as an error. */
let broken: object[];
beforeEach(async () => {
  store = openMemoryTree();
  await store.write(txn => {
    for (let i = 0; i < files; i++) {
      const attributes = {kind: kinds.file, size: 1, mtime: zeroTime, ctime: zeroTime};
      txn.put(rootDirectory, newEntryFrom(fromText(`file-${i}`), attributes));
    }
  });
  looksLeft = Number.POSITIVE_INFINITY;
  const reader: TreeReader = {
    read: body => (looksLeft-- > 0 ? store.read(body) : body(unreadableTree('MDB_CORRUPTED'))),
    close: async () => {},
  };
  broken = [];
  const log: Log = {...quietLog, error: facts => void broken.push(facts), child: () => log};
  const views = new Views([{name: 'research', reader, engineSocket: '/nowhere/engine.sock'}]);
  const app = createApp(gatewayParts({keys: new KeyRing([readerKey]), views, log}));
  const listener = getRequestListener(app.fetch);
  const options = {listener, waiting: new WaitingClients(), clientTimeoutMs: 10_000, log: quietLog};
  ({server} = createGatewayServer(options));
  await listenOn(server, new BoundSocket({host: '127.0.0.1', port: 0}).fd());
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await store.close();
});

/** All that comes until the connection ends, and how it ended. */
async function ask(requestLine: string) {
  const socket = connect({port: (server.address() as AddressInfo).port, host: '127.0.0.1'});
  const received: Buffer[] = [];
  let error: string | undefined;
  socket.on('data', (bytes: Buffer) => received.push(bytes));
  socket.on('error', (problem: NodeJS.ErrnoException) => {
    error = problem.code;
  });
  socket.write(
    `${requestLine}\r\nHost: gateway\r\nAuthorization: Bearer secret-of-a-reader\r\nConnection: close\r\n\r\n`,
  );
  await new Promise(resolve => socket.once('close', resolve));
  const text = Buffer.concat(received).toString();
  const headEnd = text.indexOf('\r\n\r\n');
  return {head: text.slice(0, headEnd), body: text.slice(headEnd + 4), error};
}

test.each(['paths', 'paths0'])('HEAD of a long answer as %s has its headers', async format => {
  const {head, body} = await ask(`HEAD /api/v1/fs/tree?recursive=true&format=${format} HTTP/1.1`);
  expect(head).toMatch(/^HTTP\/1.1 200/);
  expect(head.toLowerCase()).toContain('fustor-complete: false');
  expect(body).toBe('');
});

test.each(['paths', 'paths0'])('a client of HTTP/1.0 gets a long answer as %s', async format => {
  const {head, body, error} = await ask(`GET /api/v1/fs/tree?recursive=true&format=${format} HTTP/1.0`);
  expect(head).toMatch(/^HTTP\/1.1 200/);
  expect(body.split(format === 'paths' ? '\n' : '\0')).toHaveLength(files + 2);
  expect(error).toBeUndefined();
});

test('a client of HTTP/1.0 hears of an answer that breaks off by the reset of its connection, and the log says whose it was', async () => {
  looksLeft = 3;
  const {head, body, error} = await ask('GET /api/v1/fs/tree?path=%2F&recursive=true&format=paths HTTP/1.0');
  expect(head).toMatch(/^(HTTP\/1.1 200|$)/);
  expect(body.split('\n').length).toBeLessThan(files);
  expect(error).toBe('ECONNRESET');
  expect(broken).toEqual([
    {
      ...{view: 'research', request: '/api/v1/fs/tree', path: '/', key: 'reader', client: '127.0.0.1'},
      error: expect.stringContaining('MDB_CORRUPTED'),
    },
  ]);
});
