import {hash} from 'node:crypto';
import {groupOf} from '../config/group-of.ts';
import {FustorError} from '../errors/fustor-error.ts';
import {type Definition, type Definitions, fusionOf, pipesOf, type Site, textsOf} from './site.ts';
import type {Settings} from './site-file.ts';

/** A key of a fusion as its topology has it. */
export type KeyHash = {name: string; role: string; views: readonly string[] | '*'; sha256: string};

/** What the controller knows of who may do what. */
export interface NodeIdentities {
  /** SHA-256, in hexadecimal, of the tokens that count for an agent now: none when it is not enrolled, or was revoked. */
  tokensOf(agent: string): readonly string[];
  /** Keys that were made by the API, not by the desired state. */
  apiKeys(): readonly KeyHash[];
}

/** What an agent should do, with credentials still by their names. Throws CONFIG_INVALID when it makes no sense. */
export function agentConfig(site: Site, id: string): Settings {
  const agent = found(site.agents, 'agent', id);
  for (const name of agent.file.agent === undefined ? textsOf(agent.settings.pipes) : []) {
    found(site.pipes, 'pipe', name);
  }
  const {pipes, scope} = pipesOf(site, agent);
  const named = (setting: 'source' | 'sender') =>
    new Set([...pipes.values()].map(({settings}) => String(settings[setting])));
  const {log_level, supervision} = agent.settings;
  return {
    agent: {log_level, supervision: supervisionOf(site, supervision)},
    sources: chosen(named('source'), name => found(scope.sources, 'source', name).settings),
    senders: chosen(named('sender'), name => senderConfig(site, found(scope.senders, 'sender', name).settings)),
    pipes: chosen(pipes.keys(), name => pipes.get(name)!.settings),
  };
}

/** What a fusion should do; its keys by their hashes, so `secret` puts credentials in here. */
export function fusionConfig(
  site: Site,
  id: string,
  {identities, secret}: {identities: NodeIdentities; secret: (text: string) => string},
): Settings {
  const {url: _, supervision, ...fusion} = found(site.fusions, 'fusion', id).settings;
  const views = [...site.views.keys()].filter(view => fusionOf(site, view) === id).sort();
  return {
    fusion: {...fusion, supervision: supervisionOf(site, supervision)},
    views: chosen(views, name => {
      const {datastore: _store, fusion: _fusion, ...settings} = site.views.get(name)!.settings;
      return settings;
    }),
    keys: [...siteKeys(site, secret), ...identities.apiKeys(), ...agentKeys(site, views, identities)]
      .map(({name, role, sha256, views: opened}) => {
        return {name, role, sha256, views: opened === '*' ? '*' : opened.filter(view => views.includes(view)).sort()};
      })
      .filter(key => key.views.length > 0)
      .sort((a, b) => order(a.name, b.name) || order(a.sha256, b.sha256)),
  };
}

/** What a node says itself goes before the policy of the site. */
function supervisionOf({policies}: Site, own: unknown): Settings | undefined {
  const policy = policies.get('soak');
  const soak = policy && groupOf(policy.file.settings.policies).soak;
  if (soak === undefined) return own === undefined ? undefined : groupOf(own);
  return {soak, ...groupOf(own)};
}

/** The keys that the desired state defines. */
export function siteKeys(site: Site, secret: (text: string) => string): KeyHash[] {
  return [...site.keys].map(([name, {settings}]) => {
    const {role, views, key, sha256} = settings;
    const isAll = views === '*' || textsOf(views).includes('*');
    return {
      name,
      role: String(role),
      views: isAll ? '*' : textsOf(views),
      sha256: typeof sha256 === 'string' ? sha256 : hash('sha256', secret(String(key))),
    };
  });
}

/** Agents feed the views of their pipes with their own tokens, and no others. */
function agentKeys(site: Site, served: readonly string[], identities: NodeIdentities): KeyHash[] {
  return [...site.agents].flatMap(([id, agent]) => {
    const {pipes, scope} = pipesOf(site, agent);
    const own = [...pipes.values()].filter(({settings}) => {
      const sender = scope.senders.get(String(settings.sender));
      return sender !== undefined && sender.settings.key === undefined;
    });
    const views = [...new Set(own.map(({settings}) => String(settings.view)))].filter(view => served.includes(view));
    if (views.length === 0) return [];
    // While a token is replaced there are two, and names of keys are used once and have 64 letters at most.
    const name = `agent.${id}`.slice(0, 55);
    return identities
      .tokensOf(id)
      .map(sha256 => ({name: `${name}.${sha256.slice(0, 8)}`, role: 'agent', views, sha256}));
  });
}

function senderConfig(site: Site, {fusion, ...settings}: Settings): Settings {
  if (typeof fusion !== 'string') return settings;
  return {...settings, url: found(site.fusions, 'fusion', fusion).settings.url};
}

function found(definitions: Definitions, kind: string, name: string): Definition {
  const definition = definitions.get(name);
  if (definition) return definition;
  throw new FustorError('CONFIG_INVALID', `There is no ${kind} ${name}.`);
}

function chosen(names: Iterable<string>, settings: (name: string) => Settings): Settings {
  return Object.fromEntries(Array.from(names, name => [name, settings(name)]));
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
