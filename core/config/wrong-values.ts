import type {z} from 'zod';
import type {Problem, SettingPath} from './mistakes.ts';
import {nearest} from './nearest.ts';
import type {ReferenceProblem} from './references.ts';
import {settingNames} from './settings.ts';
import type {YamlTree} from './yaml-tree.ts';

/** What the schema refused, each mistake at its place in the file. */
export function problemsOf(issue: z.core.$ZodIssue, {tree, schema}: {tree: YamlTree; schema: z.ZodType}): Problem[] {
  const path = issue.path as SettingPath;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(name => unknownSetting(tree, {group: path, name, known: settingNames(schema, path)}));
    case 'invalid_key':
      return [{...keyPlace(tree, path), message: 'cannot be a name', wanted: issue.issues[0].message}];
    case 'invalid_type':
      return [problemAt(tree, {path, message: 'wrong kind of value', wanted: issue.message}, {isKindOnly: true})];
    default:
      return [problemAt(tree, {path, message: 'wrong value', wanted: issue.message})];
  }
}

/**
 * Adds where a mistake is, and where its value explains it, what was found there: as it is written in the file, so
 * `${env:NAME}` and never what that stands for. `isKindOnly` hides a value that may be anything, a secret too.
 */
export function problemAt(tree: YamlTree, problem: ReferenceProblem, {isKindOnly = false} = {}): Problem {
  const {path, wanted} = problem;
  const place = tree.place(path);
  if (!place) return {...problem, ...keyPlace(tree, path), message: 'missing'};
  const isSecret = ['key', 'auth_token', 'webhook_secret'].includes(String(path.at(-1))) || isKindOnly;
  return {
    ...problem,
    offset: place.valueOffset,
    ...(wanted === undefined ? {} : {found: isSecret ? kindOf(place.written) : shown(place.written)}),
  };
}

function unknownSetting(
  tree: YamlTree,
  {group, name, known}: {group: SettingPath; name: string; known: string[]},
): Problem {
  return {
    ...keyPlace(tree, [...group, name]),
    message: 'unknown setting',
    wanted: nearest(name, known) ?? `one of ${known.join(', ')}`,
  };
}

/** A setting that is missing is told at the group that should have it. */
function keyPlace(tree: YamlTree, path: SettingPath): {offset: number; path: SettingPath} {
  let place = tree.place(path);
  for (let length = path.length - 1; place === undefined && length >= 0; length--)
    place = tree.place(path.slice(0, length));
  return {offset: place?.keyOffset ?? 0, path};
}

function shown(written: unknown): string {
  if (typeof written === 'object') return kindOf(written);
  const text = JSON.stringify(written).replace(/\/\/.*@/, '//…@');
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function kindOf(written: unknown): string {
  if (written === null) return 'nothing';
  if (Array.isArray(written)) return 'a list';
  return typeof written === 'object'
    ? 'a group of settings'
    : `a ${typeof written === 'string' ? 'text' : typeof written}`;
}
