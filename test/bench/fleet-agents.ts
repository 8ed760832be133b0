import {channel} from 'node:diagnostics_channel';
import {Agent, request as httpRequest} from 'node:http';
import type {Socket} from 'node:net';
import {HttpControlChannel} from '../../cmd/node/control-channel.ts';
import {HttpWay} from '../../cmd/node/http-way.ts';
import {systemClock} from '../../cmd/system-clock.ts';
import {ControlLoop} from '../../core/control/control-loop.ts';
import type {ControlHeartbeat} from '../../core/control/protocol.ts';
import type {Log} from '../../core/log/log.ts';
import {type Backoff, backoffMs} from '../../core/pipe/backoff.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {PartReport} from '../../core/shell/part-report.ts';

/**
 * Simulated agents, many in one process: `node fleet-agents.ts URL KEY FIRST COUNT`, started with an IPC channel. Heartbeats are
 * those of real agents, as is what they do when the controller is gone; manifests are fetched, and not applied. Times are wall
 * times in milliseconds.
 */
export type Told = {
  /** When connections were made since it was told last. */
  connectedAt: number[];
  /** When agents had a manifest since then, and when the controller had heard so. */
  pulledAt: number[];
  heardAt: number[];
  failures: number;
};

const silent: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => silent};
const retry: Backoff = {minMs: 1_000, maxMs: 30_000};
const waitSeconds = 30;
const never = new AbortController().signal;

let told: Told;
const forget = () => {
  told = {connectedAt: [], pulledAt: [], heardAt: [], failures: 0};
};

function simulate(id: string, {url, key}: {url: string; key: string}): void {
  const changed = new Signal();
  let signature: string | undefined;
  let heard: string | undefined;
  const startedAt = Date.now();
  const channel = new HttpControlChannel({way: new HttpWay(url), token: () => key});
  const heartbeat = async (request: ControlHeartbeat, signal: AbortSignal) => {
    const {running} = request.config;
    if (running !== heard) telling = running;
    const answer = await channel.heartbeat(request, signal).catch(error => {
      told.failures++;
      throw error;
    });
    // Itself, or the one before, which is answered as soon as the next one is heard.
    if (telling !== undefined) told.heardAt.push(Date.now());
    heard = telling ?? heard;
    telling = undefined;
    return answer;
  };
  let telling: string | undefined;
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
    channel: {heartbeat},
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
  void pull(id, {url, key}, next => {
    signature = next;
    told.pulledAt.push(Date.now());
    changed.raise();
  });
}

async function pull(
  id: string,
  {url, key}: {url: string; key: string},
  accept: (signature: string) => void,
): Promise<never> {
  const agent = new Agent({keepAlive: true, maxSockets: 1});
  let current = '';
  for (let attempt = 0; ; ) {
    const query = new URLSearchParams({agent_id: id, current_signature: current, wait: String(waitSeconds)});
    const answer = await ask(`${url}/api/v1/control/configs/pull?${query}`, key, agent);
    if (answer.status === 200 && answer.signature !== undefined) {
      current = answer.signature;
      accept(current);
    }
    if (answer.status === 200 || answer.status === 304) attempt = 0;
    else await systemClock.sleep(backoffMs(retry, ++attempt, Math.random()));
  }
}

function ask(url: string, key: string, agent: Agent): Promise<{status: number; signature: string | undefined}> {
  return new Promise(resolve => {
    const sent = httpRequest(url, {agent, headers: {authorization: `Bearer ${key}`}}, response => {
      const signature = response.headers['x-config-signature'];
      response.resume().on('error', () => resolve({status: 0, signature: undefined}));
      response.on('end', () => resolve({status: response.statusCode!, signature: signature as string | undefined}));
    });
    sent.on('error', () => resolve({status: 0, signature: undefined})).end();
  });
}

const [url = '', key = '', first = '0', count = '0'] = process.argv.slice(2);
forget();
channel('net.client.socket').subscribe(message => {
  const {socket} = message as {socket: Socket};
  socket.once('connect', () => told.connectedAt.push(Date.now()));
});
for (let i = Number(first); i < Number(first) + Number(count); i++) {
  simulate(`node-${String(i).padStart(4, '0')}`, {url, key});
}
process.on('message', () => {
  process.send!(told);
  forget();
});
process.on('disconnect', () => process.exit());
