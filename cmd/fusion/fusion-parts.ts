import {join} from 'node:path';
import type {Topology} from '../../core/config/parse-topology.ts';
import type {FusionConfig, ViewConfig} from '../../core/config/schema.ts';
import type {CommandEnd, NodeOrder} from '../../core/control/control-loop.ts';
import type {Log} from '../../core/log/log.ts';
import {Applier, type Workshop} from '../../core/node/applier.ts';
import type {Look, Setup} from '../../core/node/apply-planner.ts';
import {follow} from '../../core/pipe/follow.ts';
import type {Signal} from '../../core/pipe/signal.ts';
import {Fleet} from '../../core/shell/fleet.ts';
import type {Survivor} from '../../core/shell/part.ts';
import {RollingFleet} from '../../core/shell/rolling-fleet.ts';
import type {Clock} from '../../core/time/clock.ts';
import {ControlPlane, type ControlPlaneSettings} from '../node/control-plane.ts';
import {KeptFile} from '../node/kept-file.ts';
import {nodeReport} from '../node/node-report.ts';
import {deathText} from '../shell/death-text.ts';
import {bindSocket, keptVariable, type ListeningSocket} from '../shell/listening-socket.ts';
import type {ConfigState, Parts} from '../shell/shell.ts';
import {keepsDirectory} from '../shell/shell-directory.ts';
import {controllerSocket, embeddedToken, fusionId} from './embedded-controller.ts';
import {type FusionSetup, fusionWith, isViewConfig, keysWith, topologyOf, wantedViews} from './fusion-setup.ts';
import {GatewayDesk} from './gateway-desk.ts';
import {controllerParts, enginePart, gatewayParts} from './site-parts.ts';

export type FusionPartsSettings = {
  setup: FusionSetup;
  socket: ListeningSocket;
  runDirectory: string;
  survivors: readonly Survivor[];
};

export type FusionPartsParts = {
  clock: Clock;
  random: () => number;
  log: Log;
  /** Raised by all parts. */
  changed: Signal;
  execute: (order: NodeOrder) => Promise<CommandEnd>;
  /** Of the shell: what became of the file that it read last, and when that changes. */
  config: () => ConfigState;
  configChanged: Signal;
};

const answerMs = 2_000;

export function isGateway({name}: {name: string}): boolean {
  return name.startsWith('gateway-');
}

/** Engines, gateways and the embedded controller: as the file of this host says, with what a controller adds. */
export class FusionParts implements Parts<FusionSetup>, Workshop<ViewConfig> {
  readonly #parts: FusionPartsParts;
  readonly #engines: Fleet;
  readonly #gateways: RollingFleet;
  readonly #desk: GatewayDesk;
  readonly #applier: Applier<ViewConfig>;
  readonly #plane: ControlPlane;
  readonly #runDirectory: string;
  readonly #stopped = new AbortController();
  #running: Promise<unknown> | undefined;
  #socket: ListeningSocket;
  #setup: FusionSetup;
  /** With what the topology says of it. */
  #fusion: FusionConfig;
  #isRenewal = false;

  constructor({setup, socket, runDirectory, survivors}: FusionPartsSettings, parts: FusionPartsParts) {
    const {clock, random, log, changed, execute, config, configChanged} = parts;
    this.#parts = parts;
    this.#setup = setup;
    this.#fusion = setup.fusion;
    this.#socket = socket;
    this.#runDirectory = runDirectory;
    const supervising = {clock, random, log, changed};
    this.#engines = new Fleet(
      supervising,
      survivors.filter(survivor => !isGateway(survivor)),
    );
    this.#gateways = new RollingFleet(supervising, survivors.filter(isGateway));
    this.#desk = new GatewayDesk({
      ...{changed, runDirectory, clock},
      report: () => this.#gateways.report(),
      isViewsWanted: () => this.#plane.isSet,
    });
    const file = new KeptFile(join(setup.fusion.data, 'applied'), isViewConfig);
    const {kept, problem} = file.read();
    if (problem !== undefined) log.error({reason: problem}, 'what was applied last is not known');
    this.#applier = new Applier(kept, {workshop: this, clock, log, parts: changed, keep: kept => file.write(kept)});
    this.#plane = new ControlPlane({
      ...{clock, random, log, execute},
      report: () => this.report(),
      config: () => this.nodeReport(config()),
      views: () => this.#desk.views,
      changed: [changed, configChanged, this.#applier.changed, this.#desk.viewsChanged],
    });
  }

  async apply(setup: FusionSetup, {isRenewal}: {isRenewal: boolean}): Promise<string | undefined> {
    const before = this.#setup.fusion;
    const {fusion} = setup;
    keepsDirectory('fusion', before.data, fusion.data);
    const isMoved = before.listen.host !== fusion.listen.host || before.listen.port !== fusion.listen.port;
    const left = isMoved ? this.#socket : undefined;
    if (isMoved) this.#socket = await bindSocket(fusion.listen);
    this.#setup = setup;
    await this.#plane.apply(controlPlaneOf(setup, this.#runDirectory));
    // Queries wait for nobody at a start; afterwards who has it read again wants to see what the controller says.
    if (this.#running) await this.#plane.pull(answerMs, this.#stopped.signal);
    this.#isRenewal = isRenewal;
    try {
      const problem = await this.#settle();
      if (isRenewal) this.#engines.renew();
      this.#running ??= this.#run();
      return problem;
    } finally {
      this.#isRenewal = false;
      left?.close();
    }
  }

  report() {
    return [...this.#gateways.report(), ...this.#engines.report()];
  }

  nodeReport(config: ConfigState) {
    return nodeReport(config, {plane: this.#plane, applier: this.#applier});
  }

  execute(command: Parameters<Fleet['execute']>[0], name: string): Promise<string> {
    return (this.#gateways.has(name) ? this.#gateways : this.#engines).execute(command, name);
  }

  legacy() {
    const {descriptor} = this.#socket;
    return {descriptors: [descriptor], env: {[keptVariable]: String(descriptor)}};
  }

  /** Gateways first, so that what they are asked last still reaches an engine. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#gateways.stop();
    await this.#running;
    await this.#plane.stop();
    await this.#engines.stop();
    this.#socket.close();
  }

  // ── The workshop

  async make(parts: readonly {name: string; setup: Setup<ViewConfig>}[]): Promise<string | undefined> {
    const fusion = this.#fusion;
    const runDirectory = this.#runDirectory;
    const views = parts.map(({setup}) => setup.config);
    // Throws when the server's files cannot be used: then nothing is changed.
    const gateways = gatewayParts({
      fusion,
      views: views.map(({name}) => name),
      socket: this.#socket,
      runDirectory,
      keys: () => this.#desk.keys,
    });
    this.#engines.apply([
      ...views.map(view => enginePart(view, {fusion, runDirectory})),
      ...controllerParts(this.#setup, runDirectory),
    ]);
    return this.#gateways.apply(gateways, {isRenewal: this.#isRenewal});
  }

  look(name: string, setup: Setup<ViewConfig> | undefined): Look | undefined {
    const look = this.#engines.look(name);
    if (!look) return undefined;
    const own = {fusion: this.#fusion, runDirectory: this.#runDirectory};
    const isMade = setup !== undefined && enginePart(setup.config, own).hash === look.hash;
    const {state, deaths} = look;
    const lastDeath = look.lastDeath && deathText(look.lastDeath);
    return {hash: isMade ? setup.hash : undefined, state, deaths, lastDeath, fitness: 'fit'};
  }

  // ── What is wanted

  #run(): Promise<unknown> {
    const {signal} = this.#stopped;
    return Promise.all([
      this.#applier.run(signal),
      this.#desk.run(signal),
      follow(this.#plane.accepts, () => this.#settleAgain(), signal),
    ]);
  }

  /** When the controller says something else: nobody waits for that. */
  async #settleAgain(): Promise<void> {
    try {
      await this.#settle();
    } catch (error) {
      this.#parts.log.error(
        {error: error instanceof Error ? error.message : String(error)},
        'it is not as it should be',
      );
    }
  }

  async #settle(): Promise<string | undefined> {
    const {accepted} = this.#plane;
    const topology = accepted && topologyOf(accepted.manifest, this.#setup);
    if (!topology && this.#plane.isSet && this.#applier.manifest !== undefined) return this.#resume();
    return this.#want(topology, accepted?.signature);
  }

  /** What was said before is not known, only what came of it: the views. Keys are those of the file. */
  #resume(): Promise<string | undefined> {
    this.#fusion = this.#setup.fusion;
    this.#desk.useKeys(keysWith(this.#setup, undefined));
    return this.#applier.resume(this.#fusion.supervision.soakMs);
  }

  async #want(topology: Topology | undefined, signature: string | undefined): Promise<string | undefined> {
    this.#fusion = fusionWith(this.#setup, topology);
    this.#desk.useKeys(keysWith(this.#setup, topology));
    const wanted = wantedViews(this.#setup, topology);
    const {soakMs} = this.#fusion.supervision;
    const problem = await this.#applier.want({wanted, soakMs, signature});
    const all = [...(topology?.mistakes ?? []), ...(problem === undefined ? [] : [problem])];
    if (all.length === 0) return undefined;
    this.#parts.log.error({reason: all.join('\n')}, 'a part of the configuration is not used');
    return all.join('\n');
  }
}

/** A fusion that embeds a controller is a node of that one. */
function controlPlaneOf({fusion, caSha256}: FusionSetup, runDirectory: string): ControlPlaneSettings | undefined {
  const {controlPlane, data: directory} = fusion;
  const node = {kind: 'fusion', id: fusionId(fusion), directory} as const;
  if (controlPlane) return {...node, url: controlPlane.url, authToken: controlPlane.key, caSha256};
  const socket = controllerSocket(fusion, runDirectory);
  return socket === undefined ? undefined : {...node, url: 'unix:', socket, authToken: embeddedToken(fusion)};
}
