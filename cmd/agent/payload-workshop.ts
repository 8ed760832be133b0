import {join} from 'node:path';
import type {PipeParts} from '../../core/config/parse-pipes.ts';
import type {AgentConfig} from '../../core/config/schema.ts';
import {partOfPipe} from '../../core/control/part-names.ts';
import type {Workshop} from '../../core/node/applier.ts';
import type {Fitness, Look, Setup} from '../../core/node/apply-planner.ts';
import type {Fleet} from '../../core/shell/fleet.ts';
import type {Part} from '../../core/shell/part.ts';
import {spawnArguments} from '../program.ts';
import {partSocket, startChild} from '../shell/child-process.ts';
import {deathText} from '../shell/death-text.ts';
import {partHash} from '../shell/executable.ts';
import {withQuarantine} from '../shell/supervision.ts';
import type {PayloadConfig} from './run-payload.ts';

type PayloadSettings = {
  payloads: Fleet;
  runDirectory: string;
  /** What holds for all payloads. */
  agent: () => AgentConfig;
  /** The agent's own, for senders without a key. */
  token: () => string | undefined;
  /** Of its controller, PEM. */
  authorities: () => string[];
};

/** Makes a payload for each pipe, and sees whether it does what a pipe is there for. */
export class PayloadWorkshop implements Workshop<PipeParts> {
  readonly #settings: PayloadSettings;

  constructor(settings: PayloadSettings) {
    this.#settings = settings;
  }

  async make(parts: readonly {name: string; setup: Setup<PipeParts>}[]): Promise<undefined> {
    this.#settings.payloads.apply(parts.map(({setup}) => this.#part(setup.config)));
  }

  look(name: string, setup: Setup<PipeParts> | undefined, lastGood: Setup<PipeParts> | undefined): Look | undefined {
    const look = this.#settings.payloads.look(name);
    if (!look) return undefined;
    const {state, deaths, lastDeath, health, healthAt} = look;
    const isMade = setup !== undefined && this.#part(setup.config).hash === look.hash;
    return {
      hash: isMade ? setup.hash : undefined,
      state,
      deaths,
      lastDeath: lastDeath && deathText(lastDeath),
      fitness: isMade ? fitnessOf(setup.config, {health, before: lastGood?.config}) : 'waiting',
      seenAt: healthAt,
    };
  }

  #part({pipe, source, sender}: PipeParts): Part {
    const {runDirectory} = this.#settings;
    const agent = this.#settings.agent();
    const name = partOfPipe(pipe.name);
    const {key = this.#settings.token() ?? '', ...way} = sender;
    const own: PayloadConfig = {
      agentId: agent.id,
      socket: partSocket(runDirectory, name),
      storageFile: join(agent.data, 'storages', `${pipe.name}.json`),
      spoolDirectory: join(agent.data, 'spool', pipe.name),
      pipe,
      source,
      // Always in this order: what was read from a file has no place for a key that is missing.
      sender: {...way, key},
      // Whoever gets the agent's own token is of the site.
      ...(sender.key === undefined && sender.url.startsWith('https:') && {authorities: this.#settings.authorities()}),
    };
    const config = {...own, logLevel: agent.logLevel, facts: {pipe: pipe.name}};
    const hash = partHash(config);
    return {
      name,
      hash,
      supervision: withQuarantine(agent.supervision),
      start: () => startChild({...spawnArguments('agent', ['payload']), name, config, hash, runDirectory}),
    };
  }
}

type PayloadHealth = {
  pipe?: {isConnected?: boolean; lastError?: string};
  source?: {isAvailable?: boolean; reason?: string};
};

/**
 * A storage that is away, or a fusion, is not the fault of what has changed, unless that is where it is. A fusion that is away
 * keeps no change from being applied that has nothing to do with it.
 */
function fitnessOf(
  {pipe, source, sender}: PipeParts,
  {health, before}: {health: unknown; before: PipeParts | undefined},
): Fitness {
  const told = health as PayloadHealth | undefined;
  if (!told) return 'waiting';
  if (!told.source?.isAvailable) {
    if (before === undefined || before.source.path === source.path) return 'waiting';
    return {unfit: `Its source cannot be observed: ${told.source?.reason ?? source.path}.`};
  }
  const isSameWay =
    before?.sender.url === sender.url && before.sender.key === sender.key && before.pipe.view === pipe.view;
  if (told.pipe?.isConnected || isSameWay) return 'fit';
  if (before === undefined) return 'waiting';
  return {unfit: `Its view does not take what it reports: ${told.pipe?.lastError ?? `${sender.url}, ${pipe.view}`}.`};
}
