import {groupOf} from './group-of.ts';
import type {SettingPath} from './mistakes.ts';
import {nearest} from './nearest.ts';

/** `wanted` is set where the written value itself is the mistake, and left out where it collides with another setting. */
export type ReferenceProblem = {path: SettingPath; message: string; wanted?: string};

/**
 * What no setting can know of itself: that a name stands for something in this file, and that two do not collide.
 *
 * It looks at the values as read, not at the validated ones, so that these mistakes are told together with all others;
 * what has the wrong shape is passed over here. Views are only compared where the file has that section: they may live on
 * another host. The source and the sender of a pipe never do.
 */
export function checkReferences(config: unknown): ReferenceProblem[] {
  const sections = groupOf(config);
  const names = (section: string) => Object.keys(groupOf(sections[section]));
  const views = sections.views === undefined ? undefined : names('views');
  const pipes = Object.entries(groupOf(sections.pipes));
  const keys = list(sections.keys).map(groupOf);
  const hasToken = groupOf(sections.agent).auth_token !== undefined;

  return [
    ...(hasToken
      ? []
      : Object.entries(groupOf(sections.senders)).flatMap(([name, sender]) => checkKey(name, groupOf(sender)))),
    ...pipes.flatMap(([name, pipe]) => [
      ...checkName('source', groupOf(pipe).source, names('sources'), ['pipes', name, 'source']),
      ...checkName('sender', groupOf(pipe).sender, names('senders'), ['pipes', name, 'sender']),
      ...checkName('view', groupOf(pipe).view, views, ['pipes', name, 'view']),
    ]),
    ...keys.flatMap((key, index) =>
      list(key.views).flatMap((view, at) => checkName('view', view, views, ['keys', index, 'views', at])),
    ),
    ...checkDistinct(
      'another key has this name',
      keys.map((key, index) => ({value: key.name, path: ['keys', index, 'name']})),
    ),
    ...checkDistinct(
      'another entry has the same key, so it would be unclear who is asking',
      keys.map((key, index) => ({value: key.key, path: ['keys', index, 'key']})),
    ),
    ...checkDistinct(
      'another pipe sends to this view already; two sources in one view would delete each other’s files',
      pipes.map(([name, pipe]) => ({value: target(groupOf(pipe)), path: ['pipes', name, 'view']})),
    ),
  ];
}

/** A name that stands for something, or `"*"`. What is no text is told by the schema; nothing is known of `undefined`. */
export function checkName(
  kind: string,
  value: unknown,
  known: string[] | undefined,
  path: SettingPath,
): ReferenceProblem[] {
  if (typeof value !== 'string' || value === '*' || known === undefined || known.includes(value)) return [];
  const meant = nearest(value, known) ?? known.join(', ');
  return [{path, message: `no such ${kind}`, wanted: meant || `one that "${kind}s" defines; it defines none`}];
}

/** Without a key of its own a sender has the token of its agent. */
function checkKey(name: string, sender: Record<string, unknown>): ReferenceProblem[] {
  if (sender.key !== undefined) return [];
  return [
    {path: ['senders', name, 'key'], message: 'missing', wanted: 'a key; only an agent with an auth_token needs none'},
  ];
}

function checkDistinct(message: string, settings: {value: unknown; path: SettingPath}[]): ReferenceProblem[] {
  const seen = new Set<unknown>();
  return settings
    .filter(({value}) => value !== undefined && seen.size === seen.add(value).size)
    .map(({path}) => ({path, message}));
}

function target({sender, view}: Record<string, unknown>): string | undefined {
  return sender === undefined || view === undefined ? undefined : JSON.stringify([sender, view]);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
