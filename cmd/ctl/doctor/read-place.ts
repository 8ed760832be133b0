import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {parseEnv} from 'node:util';
import {parse} from 'yaml';
import {parseAgentBootstrap, parseFusionBootstrap} from '../../../core/config/bootstrap.ts';
import {groupOf} from '../../../core/config/group-of.ts';
import {resolveSecrets} from '../../../core/config/secrets.ts';
import {listenAddress} from '../../../core/config/values.ts';
import {loadConfig} from '../../load-config.ts';
import type {Finding} from './finding.ts';
import {type HomeSettings, readHome, roleOf} from './home.ts';
import {lookAt} from './look-at.ts';
import type {Place, SourcePlace} from './place.ts';
import {probeServer} from './probe-server.ts';

export type Given = {configs: string[]; bootstraps: string[]; data: string[]};

type Server = {url: string; purpose: string};

/** What files say before anything is looked at. A file with mistakes still tells where to look. */
type Said = {homes: HomeSettings[]; servers: Server[]; sourcePaths: string[]; files: string[]; mistakes: Finding[]};

/** Looks at all that the files, or the data directories, lead to. */
export async function readPlace(
  {configs, bootstraps, data}: Given,
  env: NodeJS.ProcessEnv,
  nowMs: () => number,
): Promise<Place> {
  const said = await Promise.all([
    ...configs.map(file => readFile(file, env, checkConfigFile)),
    ...bootstraps.map(file => readFile(file, env, checkBootstrapFile)),
  ]);
  const settings = [...said.flatMap(({homes}) => homes), ...data.flatMap(homeOf)];
  const looks = await Promise.all(settings.map(async one => ({one, look: await lookAt(one.data)})));
  const unreachable = looks.flatMap(({one, look}) => (look.is === 'hung' ? [{data: one.data, look}] : []));
  const reachable = looks.flatMap(({one, look}) => (look.is === 'hung' ? [] : [one]));
  const remembered = reachable.filter(({role}) => role === 'agent').flatMap(({data}) => rememberedIn(data));
  const paths = new Set([...said.flatMap(({sourcePaths}) => sourcePaths), ...remembered.map(({path}) => path)]);
  const servers = distinct(said.flatMap(one => one.servers));
  return {
    homes: await Promise.all(reachable.map(readHome)),
    unreachable,
    sources: await Promise.all([...paths].map(path => sourceAt(path, remembered))),
    servers: await Promise.all(servers.map(server => probeServer(server, nowMs))),
    files: said.flatMap(({files}) => files),
    mistakes: [...said.flatMap(({mistakes}) => mistakes), ...data.flatMap(noHome)],
  };
}

type CheckFile = (file: string, env: NodeJS.ProcessEnv) => Promise<unknown>;

const checkConfigFile: CheckFile = (file, env) => loadConfig(file, env);

const checkBootstrapFile: CheckFile = async (file, env) => {
  const secrets = {
    resolveEnv: (name: string) => env[name],
    readSecretFile: (path: string) => readFileSync(resolve(dirname(resolve(file)), path), 'utf8'),
  };
  const text = readFileSync(file, 'utf8');
  const isFusion = rawOf(file).fusion_id !== undefined;
  (isFusion ? parseFusionBootstrap : parseAgentBootstrap)(text, {file, ...secrets});
};

async function readFile(file: string, processEnv: NodeJS.ProcessEnv, check: CheckFile): Promise<Said> {
  const folder = dirname(resolve(file));
  const env = {...envBeside(folder), ...processEnv};
  const mistakes = await check(file, env).then(
    () => [],
    (error: Error) => [
      {subject: file, problem: error.message, remedy: 'Mend it; fustor.example.yaml explains every setting.'},
    ],
  );
  const secretFiles: string[] = [];
  const readText = (value: unknown): string | undefined => {
    if (typeof value !== 'string') return undefined;
    const found = resolveSecrets(value, {
      resolveEnv: name => env[name],
      readSecretFile: path => {
        secretFiles.push(resolve(folder, path));
        return readFileSync(resolve(folder, path), 'utf8');
      },
    });
    return 'value' in found ? found.value : undefined;
  };
  const said = readSections(rawOf(file), {folder, readText});
  return {...said, files: [file, ...secretFiles].filter(existsSync), mistakes};
}

type Reading = {folder: string; readText: (value: unknown) => string | undefined};

/** Of a configuration, or of a bootstrap file: their settings have other names and do not meet. */
function readSections(raw: Record<string, unknown>, {folder, readText}: Reading): Omit<Said, 'files' | 'mistakes'> {
  const {agent, fusion, controller, sources, senders, keys} = raw;
  const isBootstrap = raw.agent_id !== undefined || raw.fusion_id !== undefined;
  const role = raw.fusion_id === undefined ? ('agent' as const) : ('fusion' as const);
  const ownHome = {id: raw.agent_id ?? raw.fusion_id, data: raw.data ?? `./data/${role}`, listen: raw.listen};
  const sections = isBootstrap
    ? [{role, group: ownHome}]
    : (['agent', 'fusion', 'controller'] as const).flatMap(name =>
        raw[name] === undefined ? [] : [{role: name, group: groupOf(raw[name])}],
      );
  const homes = sections.flatMap(({role, group}): HomeSettings[] => {
    const data = readText(group.data);
    const listen = listenAddress.safeParse(readText(group.listen) ?? defaultListen[role]);
    const settings = {
      role,
      id: readText(group.id),
      listen: role !== 'agent' && listen.success ? listen.data : undefined,
    };
    return data === undefined ? [] : [{...settings, data: resolve(folder, data)}];
  });
  for (const key of Array.isArray(keys) ? keys : []) readText(groupOf(key).key);
  for (const node of [agent, fusion, raw]) readText(groupOf(node).auth_token);
  const server = (purpose: string) => (value: unknown) => {
    const url = readText(value);
    return url !== undefined && URL.canParse(url) ? [{url: url.replace(/\/+$/, ''), purpose}] : [];
  };
  const here = homes
    .filter(home => home.role === 'controller' && home.listen)
    .map(({listen}) => {
      const scheme = groupOf(controller).tls ? 'https' : 'http';
      return {url: `${scheme}://${reachableHost(listen!.host)}:${listen!.port}`, purpose: 'controller here'};
    });
  return {
    homes,
    sourcePaths: Object.values(groupOf(sources)).flatMap(source => {
      const path = readText(groupOf(source).path);
      return path === undefined ? [] : [resolve(folder, path)];
    }),
    servers: [
      ...[agent, fusion, raw].map(node => groupOf(node).control_plane_uri).flatMap(server('controller')),
      ...Object.values(groupOf(senders)).flatMap(sender => {
        readText(groupOf(sender).key);
        return server('fusion')(groupOf(sender).url);
      }),
      ...here,
    ],
  };
}

const defaultListen = {agent: undefined, fusion: '127.0.0.1:8102', controller: '127.0.0.1:8101'} as const;

function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
}

/** What the units take from `EnvironmentFile=`. */
function envBeside(folder: string): NodeJS.ProcessEnv {
  try {
    return parseEnv(readFileSync(join(folder, 'fustor.env'), 'utf8')) as NodeJS.ProcessEnv;
  } catch {
    return {};
  }
}

function rawOf(file: string): Record<string, unknown> {
  try {
    return groupOf(parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}

function homeOf(data: string): HomeSettings[] {
  const role = roleOf(data);
  return role ? [{role, data: resolve(data)}] : [];
}

function noHome(data: string): Finding[] {
  if (roleOf(data)) return [];
  const problem = 'Nothing of Fustor has ever run on this data directory.';
  return [{subject: data, problem, remedy: 'Name the "data" of the configuration, with its "agent" or "fusion".'}];
}

type Remembered = {file: string; path: string};

/** As agents keep it for each pipe. */
function rememberedIn(data: string): Remembered[] {
  const folder = join(data, 'storages');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap(name => {
    const file = join(folder, name);
    const {path} = rawOf(file);
    return name.endsWith('.json') && typeof path === 'string' ? [{file, path}] : [];
  });
}

async function sourceAt(path: string, remembered: Remembered[]): Promise<SourcePlace> {
  const rememberedAt = remembered.filter(one => one.path === path).map(({file}) => file);
  return {path, rememberedAt, look: await lookAt(path)};
}

function distinct(servers: Server[]): Server[] {
  return [...new Map(servers.map(server => [server.url, server])).values()];
}
