import {groupOf} from '../config/group-of.ts';
import type {Mistake, SettingPath} from '../config/mistakes.ts';
import {mistakeIn, type Settings, type SiteFile} from './site-file.ts';

const plainSections = ['datastores', 'views', 'sources', 'senders', 'pipes', 'fusions', 'keys', 'users'] as const;
/** What the desired state consists of; policies are settings, all others stand under names. */
export const siteSections = [...plainSections, 'agents', 'policies'] as const;
export type SiteSection = (typeof siteSections)[number];

/** What stands under a name, and where. */
export type Definition = {file: SiteFile; path: SettingPath; settings: Settings};
export type Definitions = ReadonlyMap<string, Definition>;

/** All files together. An agent with a file of its own stands among `agents` by the section `agent` of that file. */
export type Site = Readonly<Record<SiteSection, Definitions>>;

/** A name that stands in two files counts where it stands first; the other one is a mistake. */
export function joinSite(files: readonly SiteFile[]): {site: Site; mistakes: Mistake[]} {
  const site = Object.fromEntries(siteSections.map(section => [section, new Map<string, Definition>()])) as Record<
    SiteSection,
    Map<string, Definition>
  >;
  const mistakes: Mistake[] = [];
  const define = (section: SiteSection, name: string, definition: Definition) => {
    const first = site[section].get(name);
    if (first) mistakes.push(mistakeIn(definition.file, secondTime(definition.path, first)));
    else site[section].set(name, definition);
  };
  for (const file of files) {
    if (file.agent !== undefined) {
      define('agents', file.agent, {file, path: ['agent', 'id'], settings: groupOf(file.settings.agent)});
      continue;
    }
    for (const section of siteSections) {
      for (const [name, value] of Object.entries(groupOf(file.settings[section]))) {
        define(section, name, {file, path: [section, name], settings: groupOf(value)});
      }
    }
  }
  return {site, mistakes};
}

/** What the pipes of an agent may name: what its own file defines, then what the site does. */
export type Scope = {sources: Definitions; senders: Definitions};

/** The pipes that an agent runs, by name, and what they may name. A name of the site that does not exist is left out. */
export function pipesOf(site: Site, agent: Definition): {pipes: Definitions; scope: Scope} {
  if (agent.file.agent !== undefined) {
    const own = (section: string) => definitionsIn(agent.file, section);
    const both = (section: 'sources' | 'senders') => new Map([...site[section], ...own(section)]);
    return {pipes: own('pipes'), scope: {sources: both('sources'), senders: both('senders')}};
  }
  const found = textsOf(agent.settings.pipes).flatMap(name => {
    const pipe = site.pipes.get(name);
    return pipe ? [[name, pipe] as const] : [];
  });
  return {pipes: new Map(found), scope: site};
}

/** The fusion that serves a view: the one it names, or the only one. */
export function fusionOf(site: Site, view: string): string | undefined {
  const settings = site.views.get(view)?.settings;
  if (!settings) return undefined;
  if (typeof settings.fusion === 'string') return settings.fusion;
  return site.fusions.size === 1 ? [...site.fusions.keys()][0] : undefined;
}

export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(one => typeof one === 'string') : [];
}

function definitionsIn(file: SiteFile, section: string): Definitions {
  const entries = Object.entries(groupOf(file.settings[section]));
  return new Map(
    entries.map(([name, value]) => [name, {file, path: [section, name], settings: groupOf(value)}] as const),
  );
}

function secondTime(path: SettingPath, {file}: Definition) {
  return {path, message: `defined in ${file.path} already`};
}
