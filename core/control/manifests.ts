import {FustorError} from '../errors/fustor-error.ts';
import type {Sealing} from '../identity/sealing.ts';
import {canonicalBytes} from '../manifest/canonical.ts';
import type {SignedManifest} from '../manifest/manifest.ts';
import {encodeManifest} from '../manifest/manifest.ts';
import type {SigningKey} from '../manifest/signature.ts';
import {Signal} from '../pipe/signal.ts';
import {hideSecrets} from '../site/hide-secrets.ts';
import {agentConfig, fusionConfig, type NodeIdentities} from '../site/node-config.ts';
import {plainText, putSecrets} from '../site/secret-references.ts';
import type {Site} from '../site/site.ts';
import type {Settings} from '../site/site-file.ts';
import type {Clock} from '../time/clock.ts';
import type {ControlStore, ControlWrite} from './control-store.ts';
import type {FileProblem} from './desired-state.ts';
import type {NodeKind} from './protocol.ts';

/** What the controller knows of nodes, keys and credentials. It answers at once, and the same until `refresh` is called. */
export interface Identities extends NodeIdentities {
  /** A node that was cut off gets no manifest. */
  isRevoked(kind: NodeKind, id: string): boolean;
  /** Undefined: there is no credential of this name. */
  credential(name: string): string | undefined;
  credentialNames(): ReadonlySet<string>;
}

export type NodeRef = {kind: NodeKind; id: string};

/** The manifest of one node, and what else is known about it. */
export type NodeManifest = NodeRef &
  SignedManifest & {
    /** In which it became what it is. */
    revision: number;
    /** Where the node is defined. */
    file: string;
    /** Its configuration without secrets, for people. */
    shown: Settings;
    /** Set while it should be another one that cannot be made. */
    problem: {reason: string; since: number} | undefined;
  };

/** Where a node is defined, and what was wrong with files. */
type NodePlan = {revision: number; file: string; problems: readonly FileProblem[]};

/** In the table `desired`, under `manifest KIND ID`: sealed, because there are secrets in it. */
type StoredManifest = Omit<NodeManifest, 'bytes'> & {sealed: Uint8Array};
const recordPrefix = 'manifest ';

type PlanFacts = {revision: number; problems: readonly FileProblem[]; unread?: readonly FileProblem[]};

export type ManifestPlan = {
  put: NodeManifest[];
  remove: NodeRef[];
  /** Whose manifest will be another one, or none. */
  changed: NodeRef[];
  problems: FileProblem[];
};

export type ManifestParts = {
  store: ControlStore;
  sealing: Sealing;
  key: SigningKey;
  identities: Identities;
  clock: Clock;
};

/**
 * The manifests of all nodes.
 *
 * 1. One stays the same, to the byte, until what this node should do is something else.
 * 2. A node whose manifest cannot be made keeps the one that it has.
 */
export class Manifests {
  readonly #parts: ManifestParts;
  readonly #held: Map<string, NodeManifest>;
  readonly #news = new Map<string, Signal>();

  constructor(parts: ManifestParts) {
    this.#parts = parts;
    const stored = parts.store.read(txn => txn.records<StoredManifest>('desired', {after: recordPrefix}));
    const ours = stored.filter(({key}) => key.startsWith(recordPrefix));
    this.#held = new Map(
      ours.map(({value: {sealed, ...rest}}) => [nodeKey(rest), {...rest, bytes: parts.sealing.open(sealed)}]),
    );
  }

  get(node: NodeRef): NodeManifest | undefined {
    return this.#held.get(nodeKey(node));
  }

  /** Of all nodes, in no order. */
  all(): NodeManifest[] {
    return [...this.#held.values()];
  }

  /**
   * The manifest, when it is another one than that with the signature `current`, or when it has gone meanwhile. Otherwise what it
   * is when `signal` aborts or the time is over.
   */
  async pull(
    node: NodeRef,
    {current, waitMs, signal}: {current: string | undefined; waitMs: number; signal: AbortSignal},
  ): Promise<NodeManifest | undefined> {
    const {clock} = this.#parts;
    const news = this.#newsOf(node);
    const until = clock.monotonic() + waitMs;
    const hadOne = this.get(node) !== undefined;
    for (;;) {
      const seen = news.count;
      const manifest = this.get(node);
      const isNews = manifest ? manifest.signature !== current : hadOne;
      const leftMs = until - clock.monotonic();
      if (isNews || signal.aborted || leftMs <= 0) return manifest;
      await news.wait(signal, seen, {clock, ms: leftMs});
    }
  }

  /**
   * What becomes of the manifests with this site. `problems` are those of files that are not used, `unread` those of files that
   * count and cannot be read: what they say is not known, so it is not known what anybody should do.
   */
  plan(site: Site, {revision, problems, unread = []}: PlanFacts): ManifestPlan {
    const plan: ManifestPlan = {put: [], remove: [], changed: [], problems: [...unread]};
    if (unread[0]) {
      for (const held of this.#held.values()) this.#keepOrRemove(plan, held, unread[0].message);
      return plan;
    }
    const wanted = new Set<string>();
    for (const [kind, definitions] of [
      ['agent', site.agents],
      ['fusion', site.fusions],
    ] as const) {
      for (const [id, {file}] of definitions) {
        if (this.#parts.identities.isRevoked(kind, id)) continue;
        wanted.add(nodeKey({kind, id}));
        this.#planNode(plan, site, {kind, id, revision, file: file.path, problems});
      }
    }
    for (const [key, held] of this.#held) {
      if (wanted.has(key)) continue;
      this.#keepOrRemove(plan, held, problems.find(({file}) => file === held.file)?.message);
    }
    return plan;
  }

  store(txn: ControlWrite, {put, remove}: ManifestPlan): void {
    for (const {bytes, ...rest} of put) {
      const stored: StoredManifest = {...rest, sealed: this.#parts.sealing.seal(bytes)};
      txn.putRecord('desired', recordPrefix + nodeKey(rest), stored);
    }
    for (const node of remove) txn.removeRecord('desired', recordPrefix + nodeKey(node));
  }

  /** After the plan is stored. Tells those who wait. */
  adopt({put, remove, changed}: ManifestPlan): void {
    for (const manifest of put) this.#held.set(nodeKey(manifest), manifest);
    for (const node of remove) this.#held.delete(nodeKey(node));
    for (const node of changed) this.#news.get(nodeKey(node))?.raise();
  }

  #planNode(plan: ManifestPlan, site: Site, node: NodeRef & NodePlan): void {
    const {kind, id, file, problems} = node;
    const held = this.get(node);
    try {
      const config = this.#configOf(site, node);
      const manifest = {manifest: 1 as const, kind, id, config: putSecrets(config, name => this.#credential(name))};
      const isSame =
        held !== undefined &&
        held.signature.split('.')[1] === this.#parts.key.id &&
        Buffer.compare(held.bytes, canonicalBytes(manifest)) === 0;
      if (isSame && held.problem === undefined && held.file === file) return;
      const signed = isSame ? held : encodeManifest(manifest, this.#parts.key);
      const revision = isSame ? held.revision : node.revision;
      const {bytes, signature} = signed;
      plan.put.push({kind, id, revision, file, bytes, signature, shown: hideSecrets(config), problem: undefined});
      if (!isSame) plan.changed.push({kind, id});
    } catch (error) {
      if (!(error instanceof FustorError)) throw error;
      const known = problems.find(one => one.file === file);
      if (held) this.#keep(plan, held, known?.message ?? error.message);
      if (known) return;
      const what = `${kind} ${id} ${held ? 'stays as it was' : 'has no manifest'}`;
      plan.problems.push({file, message: `${file}:1:1  ${what}: ${error.message}`});
    }
  }

  /** `reason`: it should be another one, and nobody knows which. */
  #keepOrRemove(plan: ManifestPlan, held: NodeManifest, reason: string | undefined): void {
    const {kind, id} = held;
    if (reason !== undefined && !this.#parts.identities.isRevoked(kind, id)) this.#keep(plan, held, reason);
    else {
      plan.remove.push({kind, id});
      plan.changed.push({kind, id});
    }
  }

  #keep(plan: ManifestPlan, held: NodeManifest, reason: string): void {
    if (held.problem?.reason === reason) return;
    plan.put.push({...held, problem: {reason, since: held.problem?.since ?? this.#parts.clock.now()}});
  }

  #configOf(site: Site, {kind, id}: NodeRef): Settings {
    if (kind === 'agent') return agentConfig(site, id);
    const secret = (text: string) => plainText(text, name => this.#credential(name));
    return fusionConfig(site, id, {identities: this.#parts.identities, secret});
  }

  #credential(name: string): string {
    const secret = this.#parts.identities.credential(name);
    if (secret !== undefined) return secret;
    throw new FustorError('CONFIG_INVALID', `There is no credential ${name}.`);
  }

  #newsOf(node: NodeRef): Signal {
    const key = nodeKey(node);
    const known = this.#news.get(key);
    if (known) return known;
    const news = new Signal();
    this.#news.set(key, news);
    return news;
  }
}

/** No name has a space. */
function nodeKey({kind, id}: NodeRef): string {
  return `${kind} ${id}`;
}
