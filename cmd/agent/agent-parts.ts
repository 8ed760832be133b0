import {join} from 'node:path';
import type {PipeParts, PipesConfig} from '../../core/config/parse-pipes.ts';
import type {AgentConfig} from '../../core/config/schema.ts';
import type {CommandEnd, NodeOrder} from '../../core/control/control-loop.ts';
import type {Log} from '../../core/log/log.ts';
import {Applier} from '../../core/node/applier.ts';
import {follow} from '../../core/pipe/follow.ts';
import type {Signal} from '../../core/pipe/signal.ts';
import {Fleet} from '../../core/shell/fleet.ts';
import type {Survivor} from '../../core/shell/part.ts';
import type {Clock} from '../../core/time/clock.ts';
import {ControlPlane, type ControlPlaneSettings} from '../node/control-plane.ts';
import {KeptFile} from '../node/kept-file.ts';
import {nodeReport} from '../node/node-report.ts';
import type {ConfigState, Parts} from '../shell/shell.ts';
import {keepsDirectory} from '../shell/shell-directory.ts';
import {type AgentSetup, isPipeParts, pipesOfManifest, wantedPipes} from './agent-setup.ts';
import {PayloadWorkshop} from './payload-workshop.ts';

export type AgentPartsSettings = {setup: AgentSetup; runDirectory: string; survivors: readonly Survivor[]};

export type AgentPartsParts = {
  clock: Clock;
  random: () => number;
  log: Log;
  /** Raised by the payloads. */
  changed: Signal;
  execute: (order: NodeOrder) => Promise<CommandEnd>;
  /** Of the shell: what became of the file that it read last, and when that changes. */
  config: () => ConfigState;
  configChanged: Signal;
};

/** A controller that answers does so at once; for one that does not nobody waits. */
const firstAnswerMs = 2_000;

/** An agent's payloads: as its controller says, else as it said last, else as the files of this host say. */
export class AgentParts implements Parts<AgentSetup> {
  readonly payloads: Fleet;
  readonly #parts: AgentPartsParts;
  readonly #applier: Applier<PipeParts>;
  readonly #plane: ControlPlane;
  readonly #stopped = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #setup: AgentSetup;
  #settings: AgentConfig;
  #isRunning = false;

  constructor({setup, runDirectory, survivors}: AgentPartsSettings, parts: AgentPartsParts) {
    const {clock, random, log, changed, execute, config, configChanged} = parts;
    this.#parts = parts;
    this.#setup = setup;
    this.#settings = setup.agent;
    this.payloads = new Fleet({clock, random, log, changed}, survivors);
    const workshop = new PayloadWorkshop({
      payloads: this.payloads,
      runDirectory,
      agent: () => this.#settings,
      token: () => this.#plane.token(),
      authorities: () => this.#plane.authorities(),
    });
    const file = new KeptFile(join(setup.agent.data, 'applied'), isPipeParts);
    const {kept, problem} = file.read();
    if (problem !== undefined) log.error({reason: problem}, 'what was applied last is not known');
    this.#applier = new Applier(kept, {workshop, clock, log, parts: changed, keep: kept => file.write(kept)});
    this.#plane = new ControlPlane({
      ...{clock, random, log, execute},
      report: () => this.report(),
      config: () => this.nodeReport(config()),
      changed: [changed, configChanged, this.#applier.changed],
    });
  }

  async apply(setup: AgentSetup, {isRenewal}: {isRenewal: boolean}): Promise<string | undefined> {
    keepsDirectory('agent', this.#setup.agent.data, setup.agent.data);
    this.#setup = setup;
    await this.#plane.apply(controlPlaneOf(setup));
    await this.#plane.pull(firstAnswerMs, this.#stopped.signal);
    const problem = await this.#settle();
    if (isRenewal) this.payloads.renew();
    if (!this.#isRunning) this.#run();
    return problem;
  }

  report() {
    return this.payloads.report();
  }

  nodeReport(config: ConfigState) {
    return nodeReport(config, {plane: this.#plane, applier: this.#applier});
  }

  execute(...order: Parameters<Fleet['execute']>): Promise<string> {
    return this.payloads.execute(...order);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.payloads.stop();
    await this.#plane.stop();
  }

  #run(): void {
    this.#isRunning = true;
    const {signal} = this.#stopped;
    const {accepts, changed} = this.#plane;
    this.#running = Promise.all([
      this.#applier.run(signal),
      follow(accepts, () => this.#settleAgain(), signal),
      // Senders without a key may have another one now.
      follow(changed, () => this.#applier.refresh().catch(() => undefined), signal),
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

  /** Resolves to undefined, or to what cannot be used besides pipes. */
  async #settle(): Promise<string | undefined> {
    const {accepted} = this.#plane;
    if (accepted) {
      const config = pipesOfManifest(accepted.manifest, this.#setup);
      return this.#want(config, accepted.signature);
    }
    const {local, agent} = this.#setup;
    const {soakMs} = agent.supervision;
    if (this.#plane.isSet && this.#applier.manifest !== undefined) return this.#applier.resume(soakMs);
    if (local) return this.#want(local, undefined);
    // Nothing is known: what an earlier shell has left running is left alone until somebody says what should be.
    return undefined;
  }

  async #want(config: PipesConfig, signature: string | undefined): Promise<string | undefined> {
    const {agent, mistakes} = config;
    if (agent) this.#settings = {...agent, controlPlane: this.#setup.agent.controlPlane};
    const known = this.#applier.records.map(({name}) => name);
    const wanted = wantedPipes(config, known);
    const problem = await this.#applier.want({wanted, soakMs: this.#settings.supervision.soakMs, signature});
    const all = [...mistakes, ...(problem === undefined ? [] : [problem])];
    if (all.length === 0) return undefined;
    this.#parts.log.error({mistakes}, 'a part of the configuration is not used');
    return all.join('\n');
  }
}

function controlPlaneOf({agent: {id, data, controlPlane}, caSha256}: AgentSetup): ControlPlaneSettings | undefined {
  if (!controlPlane) return undefined;
  const {url, key: authToken} = controlPlane;
  return {kind: 'agent', id, url, authToken, caSha256, directory: data};
}
