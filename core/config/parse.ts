import {configInvalid, formatPath, type Problem} from './mistakes.ts';
import {checkReferences} from './references.ts';
import {configSchema, type FustorConfig} from './schema.ts';
import {resolveSecrets, type SecretSources} from './secrets.ts';
import {problemAt, problemsOf} from './wrong-values.ts';
import {readYamlTree} from './yaml-tree.ts';

export type ParseOptions = SecretSources & {
  /** How the file is called in messages. */
  file: string;
};

/**
 * A configuration from its YAML text, with all defaults filled in and every secret in its place.
 *
 * Throws one CONFIG_INVALID that tells all mistakes at once, each with its line and column. No message contains the value
 * of a secret: neither one that was put in nor a key that is written in the file itself.
 */
export function parseConfig(text: string, options: ParseOptions): FustorConfig {
  const tree = readYamlTree(text, value => resolveSecrets(value, options));
  const result = tree.value === undefined ? undefined : configSchema.safeParse(tree.value);
  const problems = [
    ...tree.problems,
    ...(result?.error?.issues ?? []).flatMap(issue => problemsOf(issue, tree)),
    ...checkReferences(tree.value).map(problem => problemAt(tree, problem)),
  ];
  if (result?.success && problems.length === 0) return result.data;

  const mistakes = firstOfEachSetting(problems)
    .toSorted((a, b) => a.offset - b.offset)
    .map(({offset, path, ...rest}) => ({
      file: options.file,
      ...tree.position(offset),
      path: formatPath(path),
      ...rest,
    }));
  throw configInvalid(options.file, mistakes);
}

/** A setting whose secret cannot be found, say, would be told a second time as having no value. */
function firstOfEachSetting(problems: Problem[]): Problem[] {
  const told = new Set<string>();
  return problems.filter(({path}) => told.size !== told.add(formatPath(path)).size);
}
