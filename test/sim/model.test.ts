import fc from 'fast-check';
import {expect, test} from 'vitest';
import {fromText} from '../../core/entry/byte-string.ts';
import {kinds} from '../../core/entry/entry.ts';
import {type Path, rootPath} from '../../core/entry/path.ts';
import type {Batch, Heard} from '../../core/protocol/batch.ts';
import type {FsEvent} from '../../core/protocol/events.ts';
import {ingest, tick} from '../../core/session/ingest.ts';
import {openSession} from '../../core/session/session.ts';
import {type Hlc, hlcAt} from '../../core/time/hlc.ts';
import {onlyRun} from '../../core/tree/context.ts';
import {doubts} from '../../core/tree/doubts.ts';
import {reviewSuspects} from '../../core/tree/suspects.ts';
import {forgetTombstones} from '../../core/tree/tombstones.ts';
import type {TreeStore} from '../../core/tree/tree-store.ts';
import {openTreeStore} from '../../store/tree-store.ts';
import {Prng} from '../lib/prng.ts';
import {temporaryFolder} from '../lib/temporary-folder.ts';
import {SimClient} from './sim-client.ts';
import {listingRanges, realtimeEvents} from './sim-source.ts';
import {SimStorage} from './sim-storage.ts';
import {Witness} from './witness.ts';

/**
 * The arbitration on the real store against a plain model: what agents observe arrives in any order that their sessions
 * allow, late, twice, from caches, with restarts of the engine in between. No pipes, no timers: the steps are the time.
 */
const settings = {hotFileThresholdMs: 5_000, cacheWindowMs: 10_000, tombstoneRetentionMs: 60_000};
const cacheMs = 8_000;
const startedAtMs = Date.UTC(2026, 0, 1);
const agents = 2;

type Step =
  | {do: 'make' | 'mkdir' | 'change' | 'remove'; client: number; path: Path}
  | {do: 'move'; client: number; path: Path; to: Path}
  | {do: 'pass'; ms: number}
  | {do: 'hear' | 'send' | 'arrive' | 'again'; agent: number}
  | {do: 'list' | 'look'; agent: number; path: Path}
  | {do: 'restart' | 'housekeeping'};

const path = fc
  .array(fc.constantFrom('a', 'b', 'c'), {minLength: 1, maxLength: 3})
  .map(names => fromText(`/${names.join('/')}`) as Path);
const agent = fc.nat(agents - 1);
/** The last client is a host without an agent. */
const client = fc.nat(agents);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({do: fc.constantFrom('make' as const, 'mkdir', 'change', 'remove'), client, path}),
  },
  {weight: 2, arbitrary: fc.record({do: fc.constant('move' as const), client, path, to: path})},
  {weight: 2, arbitrary: fc.record({do: fc.constant('pass' as const), ms: fc.constantFrom(50, 3_000, 20_000, 70_000)})},
  {weight: 3, arbitrary: fc.record({do: fc.constantFrom('send' as const, 'arrive', 'hear', 'again'), agent})},
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('list' as const, 'look'),
      agent,
      path: fc.oneof(fc.constant(rootPath), path),
    }),
  },
  {weight: 1, arbitrary: fc.record({do: fc.constantFrom('restart' as const, 'housekeeping')})},
);

test('whatever is observed and however late: nothing alive goes, nothing dead comes back, and in the end the view is the storage', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, {maxLength: 60}), async steps => {
      using folder = temporaryFolder('fustor-model-');
      const model = await Model.open(folder.path);
      try {
        for (const one of steps) await model.take(one);
        await model.finish();
        expect(model.witness.violations).toEqual([]);
      } finally {
        await model.close();
      }
    }),
    {numRuns: Number(process.env.FUSTOR_MODEL_RUNS ?? 150), endOnFailure: process.env.CI !== undefined},
  );
}, 300_000);

class Model {
  readonly #folder: string;
  #store: TreeStore;
  #nowMs = 0;
  readonly #storage = new SimStorage(
    () => this.#nowMs,
    () => startedAtMs + this.#nowMs,
  );
  readonly witness = new Witness(this.#storage, () => this.#nowMs);
  readonly #clients: SimClient[];
  readonly #agents: Agent[] = [];

  static async open(folder: string): Promise<Model> {
    const model = new Model(folder, await openTreeStore(folder));
    for (let index = 0; index < agents; index++) await model.#openSession(index);
    return model;
  }

  private constructor(folder: string, store: TreeStore) {
    this.#folder = folder;
    this.#store = store;
    this.#clients = Array.from(
      {length: agents + 1},
      (_, index) => new SimClient(this.#storage, {random: new Prng(index), nowMs: () => this.#nowMs, cacheMs}),
    );
  }

  async take(step: Step): Promise<void> {
    this.#nowMs += 1;
    switch (step.do) {
      case 'make':
      case 'mkdir':
        this.#clients[step.client]!.make(step.path, step.do === 'make' ? kinds.file : kinds.directory, true);
        return;
      case 'change':
        this.#clients[step.client]!.change(step.path, true);
        return;
      case 'remove':
        this.#clients[step.client]!.remove(step.path);
        return;
      case 'move':
        this.#clients[step.client]!.move(step.path, step.to);
        return;
      case 'pass':
        this.#nowMs += step.ms;
        return;
      case 'restart':
        await this.#store.close();
        this.#store = await openTreeStore(this.#folder);
        return;
      case 'housekeeping':
        return this.#keepHouse();
      case 'hear':
        return this.#hear(this.#agents[step.agent]!);
      case 'send':
        return this.#agents[step.agent]!.send(this.#nowMs);
      case 'arrive':
        await this.#arrive(this.#agents[step.agent]!);
        return;
      case 'again':
        return this.#arriveAgain(this.#agents[step.agent]!);
      case 'list':
        return this.#agents[step.agent]!.list(step.path);
      case 'look':
        return this.#agents[step.agent]!.look(step.path);
    }
  }

  /** The storage stops changing, everything arrives, the window passes, and everything is listed twice. */
  async finish(): Promise<void> {
    for (const agent of this.#agents) await this.#arriveAll(agent);
    const [leader] = this.#agents;
    for (let audit = 0; audit < 2; audit++) {
      this.#nowMs += settings.cacheWindowMs + 1_000;
      await this.#hear(leader!);
      for (const doubt of this.#store.read(txn => [...doubts(txn)])) leader!.look(doubt);
      for (const [path, {kind}] of this.#storage.paths()) if (kind === kinds.directory) leader!.list(path);
      await this.#arriveAll(leader!);
      await this.#keepHouse();
    }
    this.#store.read(txn => this.witness.compare(txn));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #openSession(index: number): Promise<void> {
    const request = {view: 'v', schema: 'fs', agent_id: `agent-${index}`, pipe: 'p', instance: 'i'} as const;
    const id = `v.${index}`;
    const hlc = await this.#store.write(txn => {
      openSession(txn, request, {id, key: 'k', nowMs: startedAtMs, timeoutMs: 1e9});
      return tick(txn, startedAtMs);
    });
    this.#agents.push(new Agent(id, this.#clients[index]!, {hlc, at: 0}, () => this.#nowMs));
  }

  async #keepHouse(): Promise<void> {
    const now = hlcAt(startedAtMs + this.#nowMs);
    const until = hlcAt(startedAtMs + this.#nowMs - settings.tombstoneRetentionMs);
    // No scan may be under way that began before: what is listed and has not arrived is such a scan.
    const isScanning = this.#agents.some(({hasListings}) => hasListings);
    await this.#store.write(txn => {
      reviewSuspects(txn, {now, thresholdMs: settings.hotFileThresholdMs, limit: 1_000});
      if (!isScanning) forgetTombstones(txn, {until, after: undefined, limit: 1_000});
    });
    this.#observe();
  }

  async #hear(agent: Agent): Promise<void> {
    agent.hear(await this.#store.write(txn => tick(txn, startedAtMs + this.#nowMs)));
  }

  async #arriveAll(agent: Agent): Promise<void> {
    do agent.send(this.#nowMs);
    while (await this.#arrive(agent));
  }

  async #arrive(agent: Agent): Promise<boolean> {
    const batch = agent.underWay.shift();
    if (!batch) return false;
    agent.arrived = batch;
    await this.#ingest(batch);
    return true;
  }

  async #arriveAgain({arrived}: Agent): Promise<void> {
    if (!arrived) return;
    const before = this.#store.read(txn => txn.seq());
    await this.#ingest(arrived);
    expect(this.#store.read(txn => txn.seq())).toBe(before);
  }

  async #ingest(batch: Batch): Promise<void> {
    const wallMs = startedAtMs + this.#nowMs;
    await this.#store.write(
      txn => void ingest(txn, batch, {arrival: {viewMs: wallMs, wallMs, run: onlyRun}, settings}),
    );
    this.#observe();
  }

  #observe(): void {
    this.#store.read(txn => void this.witness.observe(txn));
  }
}

/** What an agent has seen and not sent, and what it sent and has not arrived. */
class Agent {
  readonly #session: string;
  readonly #client: SimClient;
  readonly #nowMs: () => number;
  #heard: Heard;
  #realtime: FsEvent[] = [];
  #scanned: FsEvent[] = [];
  #lastNumber = 0;
  readonly underWay: Batch[] = [];
  arrived: Batch | undefined;

  constructor(session: string, client: SimClient, heard: Heard, nowMs: () => number) {
    this.#session = session;
    this.#client = client;
    this.#heard = heard;
    this.#nowMs = nowMs;
    client.onEvent = event => this.#realtime.push(...realtimeEvents(client, event, this.#nowMs()));
  }

  get hasListings(): boolean {
    return this.#scanned.length > 0 || this.underWay.some(({events}) => events.some(({kind}) => kind === 'listing'));
  }

  hear(hlc: Hlc): void {
    this.#heard = {hlc, at: this.#nowMs()};
  }

  list(path: Path): void {
    const listed = this.#client.list(path);
    if (listed) this.#scanned.push(...listingRanges(path, 'audit', this.#heard.hlc, listed));
  }

  look(path: Path): void {
    this.#scanned.push({kind: 'sentinel', path, evidence: this.#heard.hlc, attributes: this.#client.look(path)});
  }

  /** Realtime events overtake what was scanned. */
  send(sentAt: number): void {
    const events = [...this.#realtime, ...this.#scanned];
    this.#realtime = [];
    this.#scanned = [];
    if (events.length === 0) return;
    this.underWay.push({session: this.#session, number: ++this.#lastNumber, sentAt, heard: this.#heard, events});
  }
}
