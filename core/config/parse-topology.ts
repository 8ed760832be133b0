import {z} from 'zod';
import {hashedKey, type Key} from '../identity/key.ts';
import {groupOf} from './group-of.ts';
import {formatPath, mistakeLine, type Problem} from './mistakes.ts';
import type {FusionConfig, ViewConfig} from './schema.ts';
import {resolveSecrets, type SecretSources} from './secrets.ts';
import {validateAlone} from './validate-alone.ts';
import {readYamlTree} from './yaml-tree.ts';

/** What a controller says that a fusion should do besides what its own file says. */
export type Topology = {
  /** Those settings that are said. */
  fusion: Partial<Pick<FusionConfig, 'gateways' | 'clientTimeoutMs' | 'supervision' | 'logLevel'>>;
  /** Each stands for itself: `mistake` says why one cannot be used. */
  views: ({name: string} & ({view: ViewConfig} | {mistake: string}))[];
  keys: Key[];
  /** What is wrong besides the views, a line each. */
  mistakes: string[];
};

const file = 'the manifest';
/** What a newer controller says besides is not for this version. */
const keyHash = z.object(hashedKey.shape);

/** Takes what can be used; `text` is the configuration of a manifest. */
export function parseTopology(text: string, secrets: SecretSources): Topology {
  const tree = readYamlTree(text, value => resolveSecrets(value, secrets));
  const told = groupOf(tree.value);
  const mistakes: string[] = [];
  const line = ({offset, path, ...rest}: Problem) =>
    mistakeLine({file, ...tree.position(offset), path: formatPath(path), ...rest});
  mistakes.push(...tree.problems.filter(({path}) => path[0] !== 'views').map(line));

  const settings = groupOf(told.fusion);
  const {config, problems} = validateAlone(tree, ['fusion'], {...settings, data: '.'});
  mistakes.push(...problems.map(line));
  const views = Object.entries(groupOf(told.views)).map(([name, value]) => {
    const one = validateAlone(tree, ['views', name], value);
    const own = tree.problems.filter(({path}) => path[0] === 'views' && path[1] === name);
    const view = own.length === 0 ? one.config?.views[0] : undefined;
    return view ? {name, view} : {name, mistake: [...own, ...one.problems].map(line).join('\n')};
  });
  const keys = (Array.isArray(told.keys) ? told.keys : []).flatMap((value, index) => {
    const key = keyHash.safeParse(value);
    if (!key.success) mistakes.push(`${file}  keys[${index}]: ${z.prettifyError(key.error)}`);
    return key.success ? [key.data] : [];
  });
  return {fusion: config?.fusion ? said(config.fusion, settings) : {}, views, keys, mistakes};
}

function said(fusion: FusionConfig, settings: Record<string, unknown>): Topology['fusion'] {
  const {gateways, clientTimeoutMs, supervision, logLevel} = fusion;
  return {
    ...(settings.gateways !== undefined && {gateways}),
    ...(settings.client_timeout !== undefined && {clientTimeoutMs}),
    ...(settings.supervision !== undefined && {supervision}),
    ...(settings.log_level !== undefined && {logLevel}),
  };
}
