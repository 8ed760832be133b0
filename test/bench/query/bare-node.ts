import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';

/** What a gateway is measured against: `node bare-node.ts BYTES` answers bytes of the same length, made before. Prints its port. */
const body = Buffer.alloc(Number(process.argv[2]), 'x');
const headers = {'content-type': 'application/json', 'content-length': body.byteLength};
const server = createServer((_, response) => response.writeHead(200, headers).end(body));
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
