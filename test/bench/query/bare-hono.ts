import {serve} from '@hono/node-server';
import {Hono} from 'hono';

/** What a gateway is measured against: a route of Hono that answers bytes of the same length. Prints its port. */
const body = 'x'.repeat(Number(process.argv[2]));
const app = new Hono().get('/', context => context.body(body, 200, {'content-type': 'application/json'}));
serve({fetch: app.fetch, hostname: '127.0.0.1', port: 0}, ({port}) => console.log(port));
