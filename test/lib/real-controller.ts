import {createServer, type Server} from 'node:http';
import {createServer as createTlsServer, type Server as TlsServer} from 'node:https';
import type {AddressInfo} from 'node:net';
import {getRequestListener} from '@hono/node-server';
import {type ControllerApp, createControllerApp} from '../../cmd/controller/app.ts';
import type {IdentityParts} from '../../cmd/controller/identity/identity-parts.ts';
import {ServerCertificate} from '../../cmd/controller/identity/server-certificate.ts';
import {hashKeys, KeyRing} from '../../cmd/http/keys.ts';
import {systemClock} from '../../cmd/system-clock.ts';
import type {ControlStore} from '../../core/control/control-store.ts';
import type {Controller} from '../../core/control/controller.ts';
import {controllerParts} from './controller-parts.ts';
import {openAuthority, openIdentityParts, quietLog} from './identity-parts.ts';
import {openMemoryControl} from './memory-control.ts';

export const adminKey = 'key-of-the-admin';

export type RealController = {
  url: string;
  store: ControlStore;
  identity: IdentityParts;
  controller: Controller;
  app: ControllerApp;
  server: Server | TlsServer;
  close(): void;
};

/** A controller that listens on a port of this host, its state in memory; with TLS by an authority of its own. */
export async function startRealController({
  isTls = false,
  lifetimeMs = 3_600_000,
  signingKeys = [] as readonly string[],
  store = openMemoryControl(),
  port = 0,
} = {}): Promise<RealController> {
  const authority = isTls ? await openAuthority(store, lifetimeMs) : undefined;
  const identity = openIdentityParts(store, {authority, signingKeys: () => signingKeys});
  const admin = hashKeys([{name: 'admin', role: 'admin', key: adminKey, views: '*'}]);
  const leaving = new AbortController();
  const parts = await controllerParts({store, leaving: leaving.signal});
  const {controller} = parts;
  const keys = new KeyRing(admin, [identity.identities, identity.apiKeys]);
  const app = createControllerApp({...parts, identity, keys});
  const answer = getRequestListener(app.fetch);
  const listen = {host: '127.0.0.1', port};
  const tls = {files: undefined, names: undefined, certificateLifetimeMs: lifetimeMs};
  const certificate = authority && new ServerCertificate({tls, listen}, {authority, clock: systemClock, log: quietLog});
  const secure = certificate && createTlsServer(await certificate.obtain(), answer);
  const server = secure ?? createServer(answer);
  if (secure) void certificate.keep(secure, leaving.signal);
  await new Promise<void>(resolve => server.listen(listen, resolve));
  const url = `${isTls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => {
    leaving.abort();
    server.close();
    server.closeAllConnections();
  };
  return {url, store, identity, controller, app, server, close};
}
