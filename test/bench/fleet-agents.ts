import {createPublicKey} from 'node:crypto';
import {channel} from 'node:diagnostics_channel';
import type {Socket} from 'node:net';
import {HttpControlChannel} from '../../cmd/node/control-channel.ts';
import {HttpWay} from '../../cmd/node/http-way.ts';
import type {ManifestCache} from '../../cmd/node/manifest-cache.ts';
import {ManifestLink} from '../../cmd/node/manifest-link.ts';
import {systemClock} from '../../cmd/system-clock.ts';
import {ControlLoop} from '../../core/control/control-loop.ts';
import type {Log} from '../../core/log/log.ts';
import {type TrustedKey, trustedKey} from '../../core/manifest/signature.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {PartReport} from '../../core/shell/part-report.ts';

/**
 * Simulated agents, many in one process: `node fleet-agents.ts URL KEY FIRST COUNT`, started with an IPC channel. Heartbeats are
 * those of real agents, as are their pulls and what they do when the controller is gone; manifests are verified, and not
 * applied. Times are wall
 * times in milliseconds.
 */
export type Told = {
  /** When connections were made since it was told last. */
  connectedAt: number[];
  /** When agents had another manifest since then. */
  pulledAt: number[];
};

const silent: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => silent};
const never = new AbortController().signal;

let told: Told;
const forget = () => {
  told = {connectedAt: [], pulledAt: []};
};

function simulate(id: string, {url, key, trusted}: {url: string; key: string; trusted: TrustedKey[]}): void {
  const changed = new Signal();
  let signature: string | undefined;
  const startedAt = Date.now();
  const way = new HttpWay(url);
  const part = (name: string): PartReport => ({
    ...{name, state: 'running', pid: 4_711, startedAt, starts: 1, retryAt: undefined, lastDeath: undefined},
    memoryBytes: 50_000_000 + Math.round(Math.random() * 1_000_000),
    health: {
      part: name,
      pid: 4_711,
      work: {done: Math.round(Math.random() * 1e6), pending: 0},
      session: 'a'.repeat(32),
    },
  });
  const settings = {
    agentId: id,
    instance: `${id}-${process.pid}`,
    shell: {pid: 1, version: '0.1.0', started_at: new Date(startedAt).toISOString(), host: `${id}.example.org`},
  };
  const loop = new ControlLoop(settings, {
    channel: new HttpControlChannel({way, token: () => key}),
    report: () => [part('payload-home'), part('payload-scratch')],
    config: () => ({
      state: 'running',
      origin: 'controller',
      ...(signature && {desired: signature, running: signature}),
    }),
    changed: [changed],
    execute: async () => ({message: 'It was not done.'}),
    clock: systemClock,
    random: Math.random,
    log: silent,
  });
  void loop.run(never);
  const link = new ManifestLink({
    node: {kind: 'agent', id},
    way,
    identity: {
      token: () => key,
      tls: () => ({}),
      trusted: () => trusted,
      authorities: () => [],
      changed: new Signal(),
      problem: () => undefined,
      run: async () => {},
    },
    cache: {read: () => undefined, write: () => {}} as unknown as ManifestCache,
    ...{clock: systemClock, random: Math.random, log: silent},
  });
  void link.run(never);
  void (async () => {
    for (;;) {
      const seen = link.accepts.count;
      if (link.accepted && link.accepted.signature !== signature) {
        signature = link.accepted.signature;
        told.pulledAt.push(Date.now());
        changed.raise();
      }
      await link.accepts.wait(never, seen);
    }
  })();
}

/** The key by which the controller signs. */
async function learnTrust(url: string, key: string): Promise<TrustedKey[]> {
  const response = await fetch(`${url}/api/v1/control/trust`, {headers: {authorization: `Bearer ${key}`}});
  const {data} = (await response.json()) as {data: {signing_keys: string[]}};
  return data.signing_keys.map(pem => trustedKey(createPublicKey(pem)));
}

const [url = '', key = '', first = '0', count = '0'] = process.argv.slice(2);
forget();
const trusted = await learnTrust(url, key);
channel('net.client.socket').subscribe(message => {
  const {socket} = message as {socket: Socket};
  socket.once('connect', () => told.connectedAt.push(Date.now()));
});
for (let i = Number(first); i < Number(first) + Number(count); i++) {
  simulate(`node-${String(i).padStart(4, '0')}`, {url, key, trusted});
}
process.on('message', () => {
  process.send!(told);
  forget();
});
process.on('disconnect', () => process.exit());
