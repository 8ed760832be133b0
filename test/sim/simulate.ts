import {createHash} from 'node:crypto';
import {kinds} from '../../core/entry/entry.ts';
import {MemorySpool} from '../../core/pipe/memory-spool.ts';
import {Pipe} from '../../core/pipe/pipe.ts';
import type {TreeStore} from '../../core/tree/tree-store.ts';
import {Prng} from '../lib/prng.ts';
import type {Action, Scenario} from './scenario.ts';
import {SimClient} from './sim-client.ts';
import {type FusionSettings, quietLog, SimFusion} from './sim-fusion.ts';
import {SimNetwork, type Weather} from './sim-network.ts';
import {SimSource} from './sim-source.ts';
import {SimStorage} from './sim-storage.ts';
import {VirtualTime} from './virtual-time.ts';
import {Witness} from './witness.ts';

/** Short, so that a scenario of two minutes sees everything happen. The cache window is never shorter than the caches live. */
const settings: FusionSettings = {
  hotFileThresholdMs: 5_000,
  cacheWindowMs: 16_000,
  tombstoneRetentionMs: 60_000,
  sessionTimeoutMs: 6_000,
};
const auditIntervalMs = 20_000;
const sentinelIntervalMs = 4_000;
/** What an action set going is over so long after it. */
const lastFaultMs = 45_000;
const calm: Weather = {delayMs: {min: 1, max: 20}, lostPercent: 0, doubledPercent: 0};
/** After the last action: time for everything to be heard, the cache window, and audits that begin after it. */
const quietMs = lastFaultMs + 15_000 + settings.cacheWindowMs + 3 * auditIntervalMs;
const startedAtMs = Date.UTC(2026, 0, 1);

export type Outcome = {
  /** What must never happen and did, each as a sentence. */
  violations: string[];
  /** Of everything that was said, and of the view after each change. */
  hash: string;
  trace: string[];
  batches: number;
};

/** Runs a scenario with the real arbitration, sessions, engine and pipes in simulated time. */
export async function simulate(scenario: Scenario, store: TreeStore): Promise<Outcome> {
  const simulation = new Simulation(scenario, store);
  return simulation.run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #time = new VirtualTime();
  readonly #storage: SimStorage;
  readonly #fusion: SimFusion;
  readonly #clients: SimClient[];
  readonly #agents: SimAgent[];
  readonly #witness: Witness;
  readonly #rejected: string[] = [];
  readonly #trace: string[] = [];
  #wallStepMs = 0;
  #storageStepMs = 0;
  #seq = -1;
  #batches = 0;

  constructor(scenario: Scenario, store: TreeStore) {
    this.#scenario = scenario;
    const {seed, agents, cacheMs, weather, untilMs} = scenario;
    const calmAtMs = untilMs + lastFaultMs;
    const time = this.#time;
    const nowMs = () => time.now;
    this.#storage = new SimStorage(nowMs, () => startedAtMs - 7_200_000 + time.now + this.#storageStepMs);
    this.#witness = new Witness(this.#storage, nowMs);
    const trace = (line: string) => {
      if (line.startsWith('batch')) this.#batches++;
      this.#say(line);
    };
    this.#fusion = new SimFusion(store, settings, {
      time,
      wallMs: () => startedAtMs + time.now + this.#wallStepMs,
      onRejected: reason => this.#rejected.push(`a batch was rejected: ${reason}`),
    });
    const randomOf = (part: number) => new Prng(seed * 1_000 + part);
    this.#clients = Array.from(
      {length: agents + 1},
      (_, index) => new SimClient(this.#storage, {random: randomOf(index), nowMs, cacheMs}),
    );
    this.#agents = Array.from({length: agents}, (_, index) => {
      const network = () =>
        new SimNetwork(this.#fusion, {
          time,
          random: randomOf(100 + index),
          weather: () => (time.now < calmAtMs ? weather : calm),
          trace: line => trace(`${line} <${index}>`),
        });
      return new SimAgent(index, {time, client: this.#clients[index]!, network, random: randomOf(200 + index)});
    });
  }

  async run(): Promise<Outcome> {
    const {untilMs, actions} = this.#scenario;
    await this.#fusion.start();
    for (const agent of this.#agents) agent.start();
    for (const action of actions) this.#time.after(action.at, () => this.#act(action));
    this.#time.after(untilMs + lastFaultMs, () => {
      for (const agent of this.#agents) agent.start();
    });
    await this.#time.runUntil(untilMs + quietMs, () => this.#observe());
    this.#fusion.store.read(txn => this.#witness.compare(txn));
    for (const agent of this.#agents) agent.kill();
    this.#fusion.kill();
    const hash = createHash('sha256').update(this.#trace.join('\n')).digest('hex').slice(0, 16);
    const violations = [...this.#rejected, ...this.#witness.violations];
    return {violations, hash, trace: this.#trace, batches: this.#batches};
  }

  #say(line: string): void {
    this.#trace.push(`${this.#time.now.toFixed(1)} ${line}`);
  }

  #act(action: Action): void {
    this.#say(`! ${JSON.stringify(action)}`);
    switch (action.kind) {
      case 'make':
        this.#clients[action.client]!.make(action.path, kinds.file, true);
        return;
      case 'mkdir':
        this.#clients[action.client]!.make(action.path, kinds.directory, true);
        return;
      case 'change':
        this.#clients[action.client]!.change(action.path, true);
        return;
      case 'open': {
        const client = this.#clients[action.client]!;
        client.change(action.path, false);
        this.#time.after(3_000, () => client.change(action.path, true));
        return;
      }
      case 'remove':
        this.#clients[action.client]!.remove(action.path);
        return;
      case 'move':
        this.#clients[action.client]!.move(action.path, action.to);
        return;
      case 'partition':
        this.#agents[action.agent]!.network?.partition(action.ms);
        return;
      case 'overflow':
        this.#agents[action.agent]!.source?.overflow(action.ms);
        return;
      case 'crash': {
        const agent = this.#agents[action.agent]!;
        agent.kill();
        this.#time.after(action.ms, () => agent.start());
        return;
      }
      case 'forge':
        this.#agents[action.agent]!.source?.forge(action.path, action.to, action.ms);
        this.#witness.isTrusted = false;
        return;
      case 'fusion-crash':
        this.#fusion.kill();
        this.#time.after(action.ms, () => void this.#fusion.start());
        return;
      case 'wall-step':
        this.#wallStepMs += action.ms;
        return;
      case 'storage-step':
        this.#storageStepMs += action.ms;
        this.#witness.isTrusted = false;
        return;
      default:
        action satisfies never;
    }
  }

  /** Called after each moment. */
  #observe(): void {
    const {store} = this.#fusion;
    if (store.read(txn => txn.seq()) === this.#seq) return;
    store.read(txn => {
      this.#seq = txn.seq();
      this.#say(`= ${this.#witness.observe(txn)}`);
    });
  }
}

type AgentParts = {time: VirtualTime; client: SimClient; network: () => SimNetwork; random: Prng};

class SimAgent {
  readonly #index: number;
  readonly #parts: AgentParts;
  #life: AbortController | undefined;
  #starts = 0;
  network: SimNetwork | undefined;
  source: SimSource | undefined;

  constructor(index: number, parts: AgentParts) {
    this.#index = index;
    this.#parts = parts;
  }

  /** Nothing when it runs. */
  start(): void {
    if (this.#life) return;
    const {time, client, random} = this.#parts;
    const life = new AbortController();
    this.#life = life;
    const network = this.#parts.network();
    const source = new SimSource(client, {time, random});
    this.network = network;
    this.source = source;
    const pipe = new Pipe(
      {
        name: 'p',
        view: 'v',
        agentId: `agent-${this.#index}`,
        instance: `${this.#index}.${++this.#starts}`,
        sourcePath: '/mnt',
        auditIntervalMs,
        fullAuditEvery: 1,
        sentinelIntervalMs,
        batchEventsMax: 5,
        batchBytesMax: 10_000,
        batchDelayMs: 5,
        windowBatches: 3,
      },
      {
        source,
        sender: network,
        spool: new MemorySpool(),
        clock: time.clock(this.#index * 1e9, () => 0),
        random: () => random.next(),
        log: quietLog,
      },
    );
    void pipe.run(life.signal);
  }

  /** As `kill -9`. */
  kill(): void {
    this.network?.die();
    this.#life?.abort();
    this.#life = undefined;
    this.source = undefined;
    this.network = undefined;
  }
}
