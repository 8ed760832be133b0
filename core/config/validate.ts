import type {z} from 'zod';
import {configInvalid, formatPath, type Mistake, type Problem} from './mistakes.ts';
import type {ReferenceProblem} from './references.ts';
import {resolveSecrets, type SecretSources} from './secrets.ts';
import {problemAt, problemsOf} from './wrong-values.ts';
import {readYamlTree, type YamlTree} from './yaml-tree.ts';

export type ValidateOptions<S extends z.ZodType> = {
  schema: S;
  /** How the file is called in messages. */
  file: string;
  /** What to do about mistakes, one sentence. */
  hint: string;
  /** Puts secrets in; without it `${…}` stays as it is. */
  secrets?: SecretSources;
  /** Checks across settings, on the values as read: they may have any shape. */
  crossChecks?: (value: unknown) => ReferenceProblem[];
};

/**
 * What a YAML text means by a schema, with all defaults filled in.
 *
 * Throws one CONFIG_INVALID that tells all mistakes at once, each with its line and column. No message contains the value
 * of a secret: neither one that was put in nor a key that is written in the file itself.
 */
export function validateYaml<S extends z.ZodType>(text: string, options: ValidateOptions<S>): z.output<S> {
  const {schema, file, hint, secrets, crossChecks = () => []} = options;
  const tree = readYamlTree(text, value => (secrets ? resolveSecrets(value, secrets) : {value}));
  const result = tree.value === undefined ? undefined : schema.safeParse(tree.value);
  const problems = [
    ...tree.problems,
    ...(result?.error?.issues ?? []).flatMap(issue => problemsOf(issue, {tree, schema})),
    ...crossChecks(tree.value).map(problem => problemAt(tree, problem)),
  ];
  if (result?.success && problems.length === 0) return result.data;

  throw configInvalid({file, mistakes: mistakesIn(file, problems, tree), hint});
}

/** In the order of the text. */
export function mistakesIn(file: string, problems: Problem[], tree: YamlTree): Mistake[] {
  return firstOfEachSetting(problems)
    .toSorted((a, b) => a.offset - b.offset)
    .map(({offset, path, ...rest}) => ({file, ...tree.position(offset), path: formatPath(path), ...rest}));
}

/** A setting whose secret cannot be found, say, would be told a second time as having no value. */
function firstOfEachSetting(problems: Problem[]): Problem[] {
  const told = new Set<string>();
  return problems.filter(({path}) => told.size !== told.add(formatPath(path)).size);
}
