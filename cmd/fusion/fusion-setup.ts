import {createHash} from 'node:crypto';
import {dirname, resolve} from 'node:path';
import {parseFusionBootstrap} from '../../core/config/bootstrap.ts';
import {parseTopology, type Topology} from '../../core/config/parse-topology.ts';
import {
  configSchema,
  type FusionConfig,
  type FustorConfig,
  type LogLevel,
  type ViewConfig,
} from '../../core/config/schema.ts';
import {canonicalBytes} from '../../core/manifest/canonical.ts';
import type {Manifest} from '../../core/manifest/manifest.ts';
import type {Wanted} from '../../core/node/apply-planner.ts';
import {hashKeys, type Key} from '../http/keys.ts';
import {fusionAt, readConfigFile, secretsFrom} from '../load-config.ts';

/** What a fusion is told by the files of its host. */
export type FusionSetup = FustorConfig & {
  fusion: FusionConfig;
  /** Of the controller's certificate; undefined: the one that it shows first is trusted. */
  caSha256?: string | undefined;
  /** Where relative paths of a topology start. */
  folder: string;
  logLevel: LogLevel;
};

const enginePrefix = 'engine-';

/** From `--config FILE`. */
export function setupOfFile(config: FustorConfig & {fusion: FusionConfig}, file: string): FusionSetup {
  return {...config, folder: dirname(resolve(file)), logLevel: config.fusion.logLevel};
}

/** From `--bootstrap FILE`. Throws CONFIG_INVALID. */
export async function setupOfBootstrap(file: string, env?: NodeJS.ProcessEnv): Promise<FusionSetup> {
  const {text, folder, secrets} = await readConfigFile(file, env);
  const {fusion, caSha256} = parseFusionBootstrap(text, {file, ...secrets});
  const placed = fusionAt(fusion, folder);
  return {...configSchema.parse({}), fusion: placed, caSha256, folder, logLevel: fusion.logLevel};
}

export function topologyOf({config}: Manifest, {folder}: FusionSetup): Topology {
  return parseTopology(Buffer.from(canonicalBytes(config)).toString(), secretsFrom(folder));
}

/** The file's own, and what the topology adds; it wins where both have a name. */
export function fusionWith({fusion}: FusionSetup, topology: Topology | undefined): FusionConfig {
  return {...fusion, ...topology?.fusion};
}

export function keysWith({keys}: FusionSetup, topology: Topology | undefined): Key[] {
  const told = topology?.keys ?? [];
  const names = new Set(told.map(({name}) => name));
  return [...hashKeys(keys).filter(({name}) => !names.has(name)), ...told];
}

/** Each view on its own, as the engine that writes it. */
export function wantedViews({views}: FusionSetup, topology: Topology | undefined): Wanted<ViewConfig>[] {
  const told = topology?.views ?? [];
  const names = new Set(told.map(({name}) => name));
  const own = views.filter(({name}) => !names.has(name)).map(view => ({name: view.name, view}));
  return [...own, ...told].map(one => {
    const name = enginePrefix + one.name;
    if ('mistake' in one) return {name, mistake: one.mistake};
    return {name, setup: {hash: setupHash(one.view), config: one.view}};
  });
}

export function isViewConfig(value: unknown): value is ViewConfig {
  return typeof value === 'object' && value !== null && 'name' in value && 'sessionTimeoutMs' in value;
}

function setupHash(view: ViewConfig): string {
  return createHash('sha256').update(canonicalBytes(view)).digest('hex').slice(0, 16);
}
