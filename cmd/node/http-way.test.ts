import {createServer, type ServerResponse} from 'node:http';
import type {AddressInfo, Socket} from 'node:net';
import {expect, test} from 'vitest';
import {until} from '../../test/lib/until.ts';
import {HttpWay} from './http-way.ts';

test('what is under way when the identity changes is answered, and its connection is not kept', async () => {
  const held: ServerResponse[] = [];
  const sockets: Socket[] = [];
  const server = createServer((_, response) => void held.push(response));
  server.on('connection', socket => sockets.push(socket));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const way = new HttpWay(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const ask = () => {
    const {signal} = new AbortController();
    return way.ask({method: 'GET', path: '/', headers: {}, timeoutMs: 10_000, answerBytesMax: 100, signal});
  };
  const idle = ask();
  await until(() => held.length === 1);
  held[0]!.end('1');
  await idle;

  const early = ask();
  await until(() => held.length === 2);
  way.use({});
  const late = ask();
  await until(() => held.length === 3);
  for (const response of held.slice(1)) response.end('2');
  expect((await Promise.all([early, late])).map(({status}) => status)).toEqual([200, 200]);
  await until(() => sockets[0]!.destroyed, {what: 'the end of the earlier connection'});
  expect(sockets.map(({destroyed}) => destroyed)).toEqual([true, false]);
  way.close();
  server.close();
  server.closeAllConnections();
});
