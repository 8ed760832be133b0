import {createHash} from 'node:crypto';
import {createApp, type GatewayApp, type GatewayParts} from '../../cmd/fusion/gateway/app.ts';
import {Bodies} from '../../cmd/fusion/gateway/bodies.ts';
import {GatewayMetrics} from '../../cmd/fusion/gateway/metrics.ts';
import {Turns} from '../../cmd/fusion/gateway/turns.ts';
import {Views} from '../../cmd/fusion/gateway/views.ts';
import {WaitingClients} from '../../cmd/fusion/gateway/waiting-clients.ts';
import {type Key, KeyRing} from '../../cmd/http/keys.ts';
import {systemClock} from '../../cmd/system-clock.ts';
import type {Log} from '../../core/log/log.ts';
import type {TreeReader} from '../../core/tree/tree-store.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const secret = 'secret-of-a-reader';

export const readerHeaders = {authorization: `Bearer ${secret}`};

/** What a gateway's app is made from, all of it real; there is no engine. */
export function gatewayParts({keys, views, ...more}: Partial<GatewayParts> & Pick<GatewayParts, 'keys' | 'views'>) {
  return {
    ...{keys, views, clock: systemClock, log, metrics: new GatewayMetrics(), turns: new Turns()},
    ...{waiting: new WaitingClients(), bodies: new Bodies(), clientTimeoutMs: 120_000, runDirectory: '/nowhere'},
    leaving: new AbortController().signal,
    ...more,
  } satisfies GatewayParts;
}

const sha256 = createHash('sha256').update(secret).digest('hex');
export const readerKey: Key = {name: 'reader', role: 'reader', sha256, views: '*'};

/** The API of a gateway of one view, `research`, without a server: `app.request`. */
export function gatewayApp(
  reader: TreeReader,
  leaving = new AbortController().signal,
  keys = new KeyRing([readerKey]),
): GatewayApp {
  const views = new Views([{name: 'research', reader, engineSocket: '/nowhere/engine.sock'}]);
  return createApp(gatewayParts({keys, views, leaving}));
}

/** A GET by the reader, and its JSON. */
export async function askApp(app: GatewayApp, path: string) {
  const response = await app.request(path, {headers: readerHeaders});
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return {status: response.status, body: isJson ? JSON.parse(text) : undefined, text};
}
