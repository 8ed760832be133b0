import type {Log} from '../log/log.ts';
import {Signal} from '../pipe/signal.ts';
import type {Clock} from '../time/clock.ts';
import {type AgentAnswer, agentAnswer, type CommandAnswer, commandAnswer} from './answers.ts';
import {
  acknowledge,
  type CommandOrder,
  expireCommands,
  getAgent,
  getCommand,
  hasCommands,
  hasOverdueCommands,
  orderCommand,
  settleCommands,
  tellCommands,
} from './commands.ts';
import type {ControlStore, StoredAgent} from './control-store.ts';
import type {HeardNode} from './health/facts.ts';
import {refuseOtherKind} from './node-kind.ts';
import type {ControlHeartbeat, ControlHeartbeatAnswer, NodeKind} from './protocol.ts';
import {isStillHere} from './still-here.ts';

export type ControllerParts = {
  store: ControlStore;
  clock: Clock;
  log: Log;
  /** A fresh id for a command. */
  randomId: () => string;
  /** Of the manifest that a node should have; undefined when it has none. */
  desiredSignature?: (kind: NodeKind, id: string) => string | undefined;
  /** Aborts when this controller is to end: that connections break then says nothing of the nodes. */
  leaving?: AbortSignal;
};

/** A heartbeat that is held. */
type Held = {agent: string; kind: NodeKind; instance: string; known: readonly string[]; waitMs: number};

type Heard = {
  /** On the monotonic clock. */
  at: number;
  timeoutMs: number;
  isOnline: boolean;
};

/** Who was heard and had nothing new to say is stored so often, all of them together. */
const saveMs = 10_000;
/** Proxies end a request that is silent for a minute. */
const heldMsMax = 30_000;
/** A shell whose connection broke, as it does when its host goes down in order or it was killed, comes back within this time. */
const brokenMs = 10_000;
/** A silence of so many waits means something; but a shorter one than the first, and a longer one than the second, does not. */
const waitsUntilSilent = 2;
const timeoutMs = {min: 10_000, max: 300_000};

/**
 * What the shells of the nodes say and what operators order.
 *
 * What becomes of commands is in the store before it is told. How the nodes are is stored within a second, or, when they only
 * say "still here", within ten, all of them together: a thousand transactions would have the last node wait for the disk.
 * After `kill -9` every node says all of it again, and those are online that were.
 */
export class Controller {
  readonly #parts: ControllerParts;
  /** As they spoke last. The store has the same, but for what is always moving. */
  readonly #nodes: Map<string, StoredAgent>;
  readonly #unsaved = new Set<string>();
  /** One of those has said something new. */
  #hasNews = false;
  #savedAt: number;
  readonly #heard = new Map<string, Heard>();
  /** For each agent the heartbeat that came last: an earlier one is held for nobody. */
  readonly #latest = new Map<string, symbol>();
  readonly #news = new Map<string, Signal>();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    const {store, clock} = parts;
    // Nobody could be heard until now: who was heard a moment ago, by this machine's clock, is not away.
    this.#nodes = new Map(store.read(txn => txn.agents()).map(node => [node.id, node]));
    this.#savedAt = clock.monotonic();
    for (const {id, seenAt, timeoutMs} of this.#nodes.values()) {
      const silentMs = Math.max(0, clock.now() - seenAt);
      this.#heard.set(id, {at: clock.monotonic() - silentMs, timeoutMs, isOnline: silentMs < timeoutMs});
    }
  }

  /**
   * Keeps the answer back as long as the request allows and there is no command to tell. The agent was heard when the
   * heartbeat came, not while it is held. `signal` aborts when nobody waits for the answer any more, or nobody may wait longer.
   */
  async heartbeat(request: ControlHeartbeat, key: string, signal: AbortSignal): Promise<ControlHeartbeatAnswer> {
    const {agent_id: agent, kind = 'agent', instance, known_commands, wait_ms} = request;
    const known = [...known_commands, ...request.acknowledgements.map(({id}) => id)];
    const isOvertaken = await this.#hear(request, {key, known});
    if (isOvertaken) return {commands: [], held_ms: 0};
    return this.#hold({agent, kind, instance, known, waitMs: Math.min(wait_ms, heldMsMax)}, signal);
  }

  /** A thousand are held at a time: each is what it needs, and not all that its request said. */
  async #hold({agent, kind, instance, known, waitMs}: Held, signal: AbortSignal): Promise<ControlHeartbeatAnswer> {
    const {store, clock} = this.#parts;
    const turn = Symbol(agent);
    this.#latest.set(agent, turn);
    const news = this.#newsOf(agent);
    news.raise();

    const since = clock.monotonic();
    for (;;) {
      const seen = news.count;
      const facts = {held_ms: Math.floor(clock.monotonic() - since), ...this.#desiredOf(kind, agent)};
      if (this.#latest.get(agent) !== turn) return {commands: [], ...facts};
      if (signal.aborted) {
        if (!this.#parts.leaving?.aborted) this.#expectSoon(agent);
        return {commands: [], ...facts};
      }
      if (store.read(txn => hasCommands(txn, {agent, known, nowMs: clock.now()}))) {
        const nowMs = clock.now();
        return {commands: await store.write(txn => tellCommands(txn, {agent, instance, known, nowMs})), ...facts};
      }
      const leftMs = waitMs - (clock.monotonic() - since);
      if (leftMs <= 0) return {commands: [], ...facts};
      await news.wait(signal, seen, {clock, ms: leftMs});
    }
  }

  /** Told to the agent at once when it is online. Throws as `orderCommand` does. */
  async order(
    order: Omit<CommandOrder, 'id' | 'nowMs'> & {id?: string | undefined},
  ): Promise<{command: CommandAnswer; isNew: boolean}> {
    const {store, clock, log, randomId} = this.#parts;
    const id = order.id ?? randomId();
    const nowMs = clock.now();
    if (this.#unsaved.has(order.agent)) await this.save();
    const {command, isNew} = await store.write(txn => orderCommand(txn, {...order, id, nowMs}));
    if (isNew) {
      const {agent, part, key} = order;
      log.info({command: id, order: order.command, agent, part, key}, 'a command is ordered');
      this.#newsOf(agent).raise();
    }
    return {command: commandAnswer(command, nowMs), isNew};
  }

  /** Throws AGENT_NOT_FOUND or COMMAND_NOT_FOUND. */
  command(agent: string, id: string, kind?: NodeKind): CommandAnswer {
    const {store, clock} = this.#parts;
    this.agent(agent, kind);
    return commandAnswer(
      store.read(txn => getCommand(txn, agent, id, kind)),
      clock.now(),
    );
  }

  /** Throws AGENT_NOT_FOUND. */
  agent(id: string, kind?: NodeKind): AgentAnswer {
    const node = this.#nodes.get(id);
    const isWanted = node && (kind === undefined || node.kind === kind);
    return this.#answer(isWanted ? node : this.#parts.store.read(txn => getAgent(txn, id, kind)));
  }

  agents(kind: NodeKind = 'agent'): AgentAnswer[] {
    return this.#byName()
      .filter(node => node.kind === kind)
      .map(node => this.#answer(node));
  }

  /** As they spoke last, in the order of their names. */
  nodes(): HeardNode[] {
    return this.#byName().map(stored => ({stored, isOnline: this.#isOnline(stored.id)}));
  }

  /** How many agents are online and silent, for metrics. */
  counts(): {online: number; silent: number} {
    const agents = [...this.#nodes.values()].filter(({kind}) => kind === 'agent');
    const online = agents.filter(({id}) => this.#isOnline(id)).length;
    return {online, silent: agents.length - online};
  }

  /** What time brings: commands expire, agents fall silent. Called about once a second. */
  async tick(): Promise<void> {
    const {store, clock, log} = this.#parts;
    for (const [agent, heard] of this.#heard) {
      if (!heard.isOnline || this.#isOnline(agent)) continue;
      heard.isOnline = false;
      log.warn({agent, silentMs: Math.round(clock.monotonic() - heard.at)}, 'an agent is silent');
    }
    const nowMs = clock.now();
    if (store.read(txn => hasOverdueCommands(txn, nowMs))) await store.write(txn => expireCommands(txn, nowMs));
    if (this.#hasNews || clock.monotonic() - this.#savedAt >= saveMs) await this.save();
  }

  /** Stores how the nodes are. */
  async save(): Promise<void> {
    const {store, clock} = this.#parts;
    this.#savedAt = clock.monotonic();
    const ids = [...this.#unsaved];
    this.#unsaved.clear();
    this.#hasNews = false;
    if (ids.length === 0) return;
    try {
      await store.write(txn => {
        for (const id of ids) txn.putAgent(this.#nodes.get(id)!);
      });
    } catch (error) {
      for (const id of ids) this.#unsaved.add(id);
      this.#hasNews = true;
      throw error;
    }
  }

  #byName(): StoredAgent[] {
    return [...this.#nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Takes note of what was said. Returns whether a later heartbeat of this instance came before. */
  async #hear(request: ControlHeartbeat, {key, known}: {key: string; known: readonly string[]}): Promise<boolean> {
    const {store, clock, log} = this.#parts;
    const {agent_id: id, kind = 'agent', instance, sequence, shell, config, parts, views, acknowledgements} = request;
    const wanted = Math.min(timeoutMs.max, Math.max(timeoutMs.min, waitsUntilSilent * request.wait_ms));
    const wasOnline = this.#isOnline(id);
    const nowMs = clock.now();
    const said = {id, kind, instance, sequence, shell, config, parts, views, key, timeoutMs: wanted};
    const isOvertakenBy = (one: StoredAgent | undefined) => one?.instance === instance && one.sequence > sequence;
    const nodeAfter = (before: StoredAgent | undefined): StoredAgent => {
      return {...said, seenAt: nowMs, onlineSince: before && wasOnline ? before.onlineSince : nowMs};
    };
    const before = this.#nodes.get(id);
    if (wasOnline) refuseOtherKind(before, kind);
    const hasOrders = acknowledgements.length > 0 || store.read(txn => txn.openCommands(id).length > 0);
    if (hasOrders) {
      await store.write(txn => {
        acknowledge(txn, id, {acknowledgements, nowMs});
        if (isOvertakenBy(this.#nodes.get(id))) return;
        txn.putAgent(nodeAfter(before));
        settleCommands(txn, {agent: id, instance, known, nowMs});
      });
    }
    const isOvertaken = isOvertakenBy(this.#nodes.get(id));
    if (!isOvertaken) {
      const node = nodeAfter(this.#nodes.get(id));
      this.#nodes.set(id, node);
      this.#unsaved.add(id);
      this.#hasNews ||= before === undefined || !isStillHere(before, node);
    }
    this.#heard.set(id, {at: clock.monotonic(), timeoutMs: wanted, isOnline: true});
    if (!wasOnline) log.info({agent: id, host: shell.host, instance}, 'an agent is online');
    return isOvertaken;
  }

  /** The connection of the heartbeat that it held open is gone: it opens another one soon, or it is away. */
  #expectSoon(id: string): void {
    const heard = this.#heard.get(id);
    const node = this.#nodes.get(id);
    if (!heard || !node) return;
    heard.timeoutMs = Math.min(heard.timeoutMs, this.#parts.clock.monotonic() - heard.at + brokenMs);
    this.#nodes.set(id, {...node, timeoutMs: heard.timeoutMs});
    this.#unsaved.add(id);
  }

  #desiredOf(kind: NodeKind, id: string): {desired?: string} {
    const desired = this.#parts.desiredSignature?.(kind, id);
    return desired === undefined ? {} : {desired};
  }

  #isOnline(id: string): boolean {
    const heard = this.#heard.get(id);
    return heard !== undefined && this.#parts.clock.monotonic() - heard.at < heard.timeoutMs;
  }

  #answer(agent: StoredAgent): AgentAnswer {
    const heard = this.#heard.get(agent.id);
    const silentMs = heard ? Math.round(this.#parts.clock.monotonic() - heard.at) : 0;
    return agentAnswer(agent, {isOnline: this.#isOnline(agent.id), silentMs});
  }

  #newsOf(agent: string): Signal {
    const known = this.#news.get(agent);
    if (known) return known;
    const news = new Signal();
    this.#news.set(agent, news);
    return news;
  }
}
