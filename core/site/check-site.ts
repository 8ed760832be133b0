// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import type {Mistake, SettingPath} from '../config/mistakes.ts';
import {checkName, type ReferenceProblem} from '../config/references.ts';
import {type Definition, fusionOf, pipesOf, type Scope, type Site, textsOf} from './site.ts';
import {mistakeIn, type SiteFile} from './site-file.ts';

/** What files cannot know of themselves: that a name stands for something in one of them, and that what they say fits. */
export function checkSite(site: Site, files: readonly SiteFile[], credentials: ReadonlySet<string>): Mistake[] {
  const pipesOfFiles = [...site.agents.values()]
    .filter(({file}) => file.agent !== undefined)
    .flatMap(agent => {
      const {pipes, scope} = pipesOf(site, agent);
      return [...pipes.values()].flatMap(pipe => checkPipe(site, scope, pipe));
    });
  return [
    ...files.flatMap(file => checkSecrets(file, credentials)),
    ...each(site, 'views', view => checkView(site, view)),
    ...each(site, 'senders', sender => checkSender(site, sender)),
    ...each(site, 'pipes', pipe => checkPipe(site, site, pipe)),
    ...pipesOfFiles,
    ...each(site, 'agents', agent => checkAgent(site, agent)),
    ...each(site, 'keys', key => checkKey(site, key)),
    ...sameKeys(site),
  ];
}

function each(site: Site, section: keyof Site, check: (one: Definition) => Mistake[]): Mistake[] {
  return [...site[section].values()].flatMap(check);
}

function checkSecrets(file: SiteFile, credentials: ReadonlySet<string>): Mistake[] {
  return file.secrets.flatMap(({path, names}) =>
    names
      .filter(name => !credentials.has(name))
      .map(name => mistakeIn(file, {path, message: `there is no credential ${name}`})),
  );
}

function checkView(site: Site, view: Definition): Mistake[] {
  const {datastore, fusion} = view.settings;
  const isUnclear = fusion === undefined && site.fusions.size > 1;
  return [
    ...told(view, 'datastore', checkName('datastore', datastore, [...site.datastores.keys()], [])),
    ...told(view, 'fusion', checkName('fusion', fusion, [...site.fusions.keys()], [])),
    ...(isUnclear ? told(view, 'fusion', [missing(`one of ${[...site.fusions.keys()].join(', ')}`)]) : []),
  ];
}

function checkSender(site: Site, sender: Definition): Mistake[] {
  return told(sender, 'fusion', checkName('fusion', sender.settings.fusion, [...site.fusions.keys()], []));
}

function checkPipe(site: Site, {sources, senders}: Scope, pipe: Definition): Mistake[] {
  const {source, sender, view} = pipe.settings;
  const fusion = senders.get(String(sender))?.settings.fusion;
  // Without views, and to an address of its own, the view is that of a fusion that nobody told us of.
  const views = site.views.size > 0 || fusion !== undefined ? [...site.views.keys()] : undefined;
  const server = typeof view === 'string' ? fusionOf(site, view) : undefined;
  const isElsewhere = site.fusions.has(server ?? '') && typeof fusion === 'string' && server !== fusion;
  return [
    ...told(pipe, 'source', checkName('source', source, [...sources.keys()], [])),
    ...told(pipe, 'sender', checkName('sender', sender, [...senders.keys()], [])),
    ...told(pipe, 'view', checkName('view', view, views, [])),
    ...(isElsewhere
      ? told(pipe, 'view', [
          {path: [], message: `the sender goes to the fusion ${fusion}, and ${server} serves this view`},
        ])
      : []),
  ];
}

function checkAgent(site: Site, agent: Definition): Mistake[] {
  const isOwnFile = agent.file.agent !== undefined;
  const listed = isOwnFile ? [] : textsOf(agent.settings.pipes);
  const {pipes, scope} = pipesOf(site, agent);
  const seen = new Set<string>();
  const second = [...pipes].filter(([, {settings}]) => seen.size === seen.add(target(settings, scope)).size);
  return [
    ...listed.flatMap((name, at) => told(agent, ['pipes', at], checkName('pipe', name, [...site.pipes.keys()], []))),
    ...second.map(([name, pipe]) => {
      const place = isOwnFile ? [...pipe.path, 'view'] : [...agent.path, 'pipes', listed.indexOf(name)];
      return mistakeIn(agent.file, {
        path: place,
        message: 'another pipe sends to this view already; two sources in one view would delete each other’s files',
      });
    }),
  ];
}

/** Where a pipe goes: two senders may go to the same fusion. */
function target({sender, view}: Record<string, unknown>, {senders}: Scope): string {
  const {fusion, url} = senders.get(String(sender))?.settings ?? {};
  return JSON.stringify([fusion ?? url ?? sender, view]);
}

const ranks = ['reader', 'operator', 'admin'];

/** Whether a key of this role would be more than its user may do. */
export function isAboveUser(site: Site, user: string, role: string): boolean {
  const owner = site.users.get(user)?.settings.role;
  return owner !== undefined && ranks.indexOf(role) > ranks.indexOf(String(owner));
}

function checkKey(site: Site, key: Definition): Mistake[] {
  const {views, user, role, key: written} = key.settings;
  const names = [...site.views.keys()];
  const owner = typeof user === 'string' ? site.users.get(user)?.settings.role : undefined;
  const isAbove = typeof user === 'string' && isAboveUser(site, user, String(role));
  const isOfNode = typeof written === 'string' && /\$\{(env|file):/.test(written);
  return [
    ...textsOf(views).flatMap((view, at) => told(key, ['views', at], checkName('view', view, names, []))),
    ...told(key, 'user', checkName('user', user, [...site.users.keys()], [])),
    ...(isAbove ? told(key, 'role', [{path: [], message: `the user ${user} has only the role ${owner}`}]) : []),
    ...(isOfNode
      ? told(key, 'key', [{path: [], message: 'the controller must know it', wanted: '"${secret:NAME}"'}])
      : []),
  ];
}

/** As written: what two credentials stand for is not known here. */
function sameKeys(site: Site): Mistake[] {
  const seen = new Set<unknown>();
  return [...site.keys.values()].flatMap(one => {
    const setting = one.settings.sha256 === undefined ? 'key' : 'sha256';
    const isSecond = seen.size === seen.add(one.settings[setting]).size;
    const message = 'another entry has the same key, so it would be unclear who is asking';
    return isSecond ? told(one, setting, [{path: [], message}]) : [];
  });
}

function missing(wanted: string): ReferenceProblem {
  return {path: [], message: 'missing', wanted};
}

/** Problems of a setting below a definition, at their place in its file. */
function told({file, path}: Definition, setting: string | SettingPath, problems: ReferenceProblem[]): Mistake[] {
  const steps = typeof setting === 'string' ? [setting] : setting;
  return problems.map(problem => mistakeIn(file, {...problem, path: [...path, ...steps]}));
}
