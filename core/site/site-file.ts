import type {z} from 'zod';
import {groupOf} from '../config/group-of.ts';
import type {Mistake, Problem, SettingPath} from '../config/mistakes.ts';
import type {ReferenceProblem} from '../config/references.ts';
import {mistakesIn} from '../config/validate.ts';
import {problemAt, problemsOf} from '../config/wrong-values.ts';
import {readYamlTree, type YamlTree} from '../config/yaml-tree.ts';
import {checkReference, namesSecret} from './secret-references.ts';
import {agentFileSchema, siteSchema} from './site-schema.ts';

export type Settings = Record<string, unknown>;

/** A file that validates by itself; what its names stand for is not known yet. */
export type SiteFile = {
  path: string;
  text: string;
  /** The id of the agent whose configuration it is; undefined for a part of the site. */
  agent: string | undefined;
  /** As written: no defaults, `${…}` as it stands there. */
  settings: Settings;
  /** Where credentials are named. */
  secrets: readonly {path: SettingPath; names: readonly string[]}[];
};

/** Either the file, or what is wrong with it; `draft` is good enough to look for what else is. */
export type ReadFile = {file: SiteFile} | {mistakes: Mistake[]; draft?: SiteFile};

/** Longer ones are refused unread. */
const bytesMax = 2 ** 20;

export function readSiteFile(path: string, text: string): ReadFile {
  const refuse = (problem: Pick<Problem, 'message'>) => ({
    mistakes: [{file: path, line: 1, column: 1, path: '', ...problem}],
  });
  if (!isSitePath(path)) return refuse({message: 'a file needs a plain path that ends in .yaml or .yml'});
  if (Buffer.byteLength(text) > bytesMax) return refuse({message: `it is larger than ${bytesMax} bytes`});

  const tree = readYamlTree(text, checkReference);
  const settings = groupOf(tree.value);
  const isAgent = Object.hasOwn(settings, 'agent');
  const schema = isAgent ? agentFileSchema : siteSchema;
  const issues = tree.value === undefined ? [] : (schema.safeParse(tree.value).error?.issues ?? []);
  const problems = [...tree.problems, ...issues.filter(isKnown(tree)).flatMap(one => problemsOf(one, {tree, schema}))];
  const agent = isAgent ? String(groupOf(settings.agent).id) : undefined;
  const file = {path, text, agent, settings, secrets: secretsIn(settings)};
  if (problems.length === 0) return {file};
  const mistakes = mistakesIn(path, problems, tree);
  return tree.problems.length > 0 ? {mistakes} : {mistakes, draft: file};
}

/** At its place in the file's text, which is read once more for it: mistakes are rare, and places are large. */
export function mistakeIn({path, text}: SiteFile, problem: ReferenceProblem): Mistake {
  const tree = readYamlTree(text, value => ({value}));
  return mistakesIn(path, [problemAt(tree, problem)], tree)[0]!;
}

export function isSitePath(path: string): boolean {
  return path.length <= 512 && /^(?:[A-Za-z0-9_][^/\\\0-\x1f]*\/)*[A-Za-z0-9_][^/\\\0-\x1f]*\.ya?ml$/.test(path);
}

/** What a value with `${…}` will be, nobody knows here; the node that puts it in validates it then. */
function isKnown(tree: YamlTree): (issue: z.core.$ZodIssue) => boolean {
  return ({path, code}) => {
    const written = code === 'custom' ? tree.place(path as SettingPath)?.written : undefined;
    return typeof written !== 'string' || !/\$\{/.test(written);
  };
}

function secretsIn(value: unknown, path: SettingPath = []): SiteFile['secrets'] {
  if (typeof value === 'string') {
    const names = namesSecret(value);
    return names.length === 0 ? [] : [{path, names}];
  }
  if (typeof value !== 'object' || value === null) return [];
  const steps = Array.isArray(value) ? value.map((one, index) => [index, one] as const) : Object.entries(value);
  return steps.flatMap(([step, one]) => secretsIn(one, [...path, step]));
}
