import type {Problem, SettingPath} from './mistakes.ts';
import {configSchema, type FustorConfig} from './schema.ts';
import {problemsOf} from './wrong-values.ts';
import type {YamlTree} from './yaml-tree.ts';

/** What stands at a path of a file, as if nothing else was configured. `config` is undefined when it has mistakes. */
export function validateAlone(
  tree: YamlTree,
  path: SettingPath,
  value: unknown,
): {config: FustorConfig | undefined; problems: Problem[]} {
  const alone = path.reduceRight((inner: unknown, name) => ({[name]: inner}), value);
  const result = configSchema.safeParse(alone);
  if (result.success) return {config: result.data, problems: []};
  const problems = result.error.issues.flatMap(issue => problemsOf(issue, {tree, schema: configSchema}));
  return {config: undefined, problems};
}
