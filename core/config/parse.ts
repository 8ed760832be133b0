import {checkReferences} from './references.ts';
import {configSchema, type FustorConfig} from './schema.ts';
import type {SecretSources} from './secrets.ts';
import {validateYaml} from './validate.ts';

export type ParseOptions = SecretSources & {
  /** How the file is called in messages. */
  file: string;
};

/** A configuration from its YAML text, with all defaults and secrets in place. Throws CONFIG_INVALID with every mistake. */
export function parseConfig(text: string, {file, ...secrets}: ParseOptions): FustorConfig {
  return validateYaml(text, {
    schema: configSchema,
    file,
    hint: 'fustor.example.yaml explains every setting.',
    secrets,
    crossChecks: checkReferences,
  });
}
