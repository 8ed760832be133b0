import {createHash} from 'node:crypto';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kinds} from '../../core/entry/entry.ts';
import {PackedCursor} from '../../core/entry/packed.ts';
import {joinPath, type Path, rootPath} from '../../core/entry/path.ts';
import {Pipe} from '../../core/pipe/pipe.ts';
import {countDoubts, doubts} from '../../core/tree/doubts.ts';
import {aboveRoot, rootDirectory, rootName, type TreeRead, type TreeStore} from '../../core/tree/tree-store.ts';
import {Prng} from '../lib/prng.ts';
import type {Action, Scenario} from './scenario.ts';
import {SimClient} from './sim-client.ts';
import {type FusionSettings, quietLog, SimFusion} from './sim-fusion.ts';
import {SimNetwork, type Weather} from './sim-network.ts';
import {SimSource} from './sim-source.ts';
import {SimStorage} from './sim-storage.ts';
import {VirtualTime} from './virtual-time.ts';

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

type Seen = Map<Path, Entry>;

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
  readonly #violations: string[] = [];
  readonly #trace: string[] = [];
  readonly #removedAt = new Map<Path, number>();
  #wallStepMs = 0;
  #storageStepMs = 0;
  #hasSteppedStorage = false;
  #seen: Seen = new Map();
  #seq = -1;
  #batches = 0;

  constructor(scenario: Scenario, store: TreeStore) {
    this.#scenario = scenario;
    const {seed, agents, cacheMs, weather, untilMs} = scenario;
    const calmAtMs = untilMs + lastFaultMs;
    const time = this.#time;
    const nowMs = () => time.now;
    this.#storage = new SimStorage(nowMs, () => startedAtMs - 7_200_000 + time.now + this.#storageStepMs);
    const trace = (line: string) => {
      if (line.startsWith('batch')) this.#batches++;
      this.#say(line);
    };
    this.#fusion = new SimFusion(store, settings, {
      time,
      wallMs: () => startedAtMs + time.now + this.#wallStepMs,
      onRejected: reason => this.#violations.push(`a batch was rejected: ${reason}`),
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
    this.#compare();
    for (const agent of this.#agents) agent.kill();
    this.#fusion.kill();
    const hash = createHash('sha256').update(this.#trace.join('\n')).digest('hex').slice(0, 16);
    return {violations: this.#violations, hash, trace: this.#trace, batches: this.#batches};
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
      case 'fusion-crash':
        this.#fusion.kill();
        this.#time.after(action.ms, () => void this.#fusion.start());
        return;
      case 'wall-step':
        this.#wallStepMs += action.ms;
        return;
      case 'storage-step':
        this.#storageStepMs += action.ms;
        this.#hasSteppedStorage = true;
        return;
      default:
        action satisfies never;
    }
  }

  /** Called after each moment: what the view shows now, against what it showed before and against the truth. */
  #observe(): void {
    const {store} = this.#fusion;
    if (store.read(txn => txn.seq()) === this.#seq) return;
    const {seq, seen, wrong} = store.read(txn => ({seq: txn.seq(), seen: readAll(txn), wrong: wrongBlindSpots(txn)}));
    this.#seq = seq;
    for (const line of wrong) this.#violations.push(`${this.#time.now.toFixed(0)} ms: ${line}`);
    for (const [path, entry] of this.#seen) if (!seen.has(path)) this.#onGone(path, entry);
    for (const [path, entry] of seen) if (!this.#seen.has(path)) this.#onNew(path, entry);
    this.#seen = seen;
    this.#say(`= ${[...seen].map(([path, {size, isSuspect}]) => `${path}:${size}${isSuspect ? '?' : ''}`).join(' ')}`);
  }

  /** Nothing alive is deleted: the view knew what is there now, it never went, and the view drops it. */
  #onGone(path: Path, entry: Entry): void {
    this.#removedAt.set(path, this.#time.now);
    const truth = this.#storage.residence(path);
    if (!truth || truth.isCarried || entry.size < truth.sinceVersion) return;
    if (this.#storage.ownerOfVersion(entry.size) !== truth.inode || this.#hasSteppedStorage) return;
    this.#violations.push(`${this.#time.now.toFixed(0)} ms: ${path} is alive and was deleted`);
  }

  /** Nothing is resurrected: the view knew that it is gone, it never came back, and the view shows it again. */
  #onNew(path: Path, entry: Entry): void {
    const removedAt = this.#removedAt.get(path);
    const goneSince = this.#storage.goneSince(path);
    if (removedAt === undefined || goneSince === undefined || goneSince > removedAt || this.#hasSteppedStorage) return;
    this.#violations.push(`${this.#time.now.toFixed(0)} ms: ${path} is gone and was resurrected (${entry.size})`);
  }

  /** In the end the view is the storage, and nothing is uncertain any more. */
  #compare(): void {
    const wanted = this.#storage.paths();
    for (const [path, inode] of wanted) {
      const entry = this.#seen.get(path);
      if (!entry) this.#violations.push(`at the end ${path} is missing`);
      else if (entry.kind !== inode.kind || entry.size !== inode.version) {
        this.#violations.push(`at the end ${path} is version ${entry.size} instead of ${inode.version}`);
      } else if (entry.isSuspect) this.#violations.push(`at the end ${path} is suspect`);
      else if (entry.isBlindSpot) this.#violations.push(`at the end ${path} is a blind spot`);
    }
    for (const path of this.#seen.keys()) {
      if (!wanted.has(path)) this.#violations.push(`at the end ${path} should not be there`);
    }
    this.#fusion.store.read(txn => {
      if (countDoubts(txn) > 0) this.#violations.push(`at the end there are doubts: ${[...doubts(txn)].join(' ')}`);
      for (const {name} of txn.blindSpots()) this.#violations.push(`at the end ${name} is a blind spot`);
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
        sentinelIntervalMs,
        batchEventsMax: 5,
        batchBytesMax: 10_000,
        batchDelayMs: 5,
        windowBatches: 3,
      },
      {
        source,
        sender: network,
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

function readAll(txn: TreeRead): Seen {
  const seen: Seen = new Map();
  const add = (path: Path, entry: Entry) => {
    seen.set(path, entry);
    if (entry.directory === 0) return;
    for (const run of txn.runs(entry.directory)) {
      for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) {
        add(joinPath(path, cursor.name as ByteString), cursor.toEntry());
      }
    }
  };
  const root = txn.entry(aboveRoot, rootName);
  if (root) add(rootPath, root);
  return seen;
}

/** The list of blind spots and the marks of the entries say the same. */
function wrongBlindSpots(txn: TreeRead): string[] {
  const wrong: string[] = [];
  let marked = 0;
  for (const {directory, name, change} of txn.blindSpots()) {
    if (!isReachable(txn, directory)) continue; // removed with all below it, and freed later
    const entry = txn.entry(directory, name);
    if ((change === 'deleted') === (entry !== undefined)) wrong.push(`${name} is in the list as ${change}`);
    if (change !== 'deleted') marked++;
  }
  const total = txn.directory(rootDirectory)?.totals.blindSpots;
  if (total !== marked) wrong.push(`${total} entries are marked as blind spots, and ${marked} listed`);
  return wrong;
}

function isReachable(txn: TreeRead, directory: DirectoryNumber): boolean {
  if (directory === rootDirectory) return true;
  const record = txn.directory(directory);
  return (
    record !== undefined &&
    txn.entry(record.parent, record.name)?.directory === directory &&
    isReachable(txn, record.parent)
  );
}
