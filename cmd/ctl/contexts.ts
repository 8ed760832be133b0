import {readFileSync, renameSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {parseDocument} from 'yaml';
import type {z} from 'zod';
import {group, named} from '../../core/config/groups.ts';
import {resolveSecrets} from '../../core/config/secrets.ts';
import {validateYaml} from '../../core/config/validate.ts';
import {name, text} from '../../core/config/values.ts';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';

/** Where to ask, as an administrator keeps it in `contexts.yaml`, with secrets put in. */
export type Context = {endpoint?: string; controller?: string; key?: string; view?: string; ca?: string};

type ContextsFile = z.output<typeof contextsSchema>;

const contextsSchema = group({
  current: name.optional(),
  contexts: named(
    group({
      endpoint: text,
      /** Where it is not embedded in the fusion. */
      controller: text.optional(),
      key: text.optional(),
      view: text.optional(),
      /** File with the certificates of authorities to trust besides the usual, from the folder of this file. */
      ca: text.optional(),
    }),
  ),
});

export function contextsPath(env: NodeJS.ProcessEnv): string | undefined {
  const home = env.XDG_CONFIG_HOME || (env.HOME && join(env.HOME, '.config'));
  return home ? join(home, 'fustor', 'contexts.yaml') : undefined;
}

/** As they are written, in the order of the file; secrets stay `${…}`. */
export function listContexts(env: NodeJS.ProcessEnv): (Context & {name: string; isCurrent: boolean})[] {
  const path = contextsPath(env);
  const file = path === undefined ? undefined : readContextsFile(path);
  return (file?.contexts ?? []).map(context => ({
    ...(context as Context & {name: string}),
    isCurrent: context.name === file?.current,
  }));
}

/** Of one that there is. Comments and the order of the file stay. */
export function useContext(name: string, env: NodeJS.ProcessEnv): void {
  const path = contextsPath(env)!;
  const document = parseDocument(readFileSync(path, 'utf8'));
  document.set('current', name);
  writeFileSync(`${path}.new`, document.toString({lineWidth: 0}), {mode: statSync(path).mode});
  renameSync(`${path}.new`, path);
}

/** The context with this name, or else the current one; nothing when no name is given and no file says any. */
export function readContext(wanted: string | undefined, env: NodeJS.ProcessEnv): Context {
  const path = contextsPath(env);
  const file = path === undefined ? undefined : readContextsFile(path);
  const used = wanted ?? file?.current;
  if (used === undefined) return {};

  const found = file?.contexts.find(context => context.name === used);
  if (found) return withSecrets(found, {path: path!, env});
  const known = file?.contexts.map(context => context.name).join(', ') || 'none';
  throw new FustorError('USAGE', `There is no context "${used}" in ${path ?? 'contexts.yaml'}; there: ${known}.`, {
    hint: 'Name one with --context, or give --endpoint and --key.',
  });
}

function readContextsFile(path: string): ContextsFile | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const file = validateYaml(text, {
    schema: contextsSchema,
    file: path,
    hint: 'It looks like: { current: site, contexts: { site: { endpoint: "http://host:8102", key: …, view: … } } }',
  });
  if (file.contexts.some(({key}) => key !== undefined && !isReference(key))) refuseIfPublic(path);
  return file;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new FustorError('CONFIG_INVALID', `Cannot read the contexts: ${(error as Error).message}.`, {cause: error});
  }
}

/** As `ssh` treats a private key: who can read the file has the key, and nobody would notice. */
function refuseIfPublic(path: string): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  throw new FustorError('CONFIG_INVALID', `${path} contains keys and is open to others (mode ${mode.toString(8)}).`, {
    hint: `Run: chmod 600 ${path}`,
  });
}

function isReference(value: string): boolean {
  return /^\$\{(env|file):[^{}]+\}$/.test(value);
}

/** Only for the context in use: a variable for another one need not be set. */
function withSecrets(
  {name, ...settings}: ContextsFile['contexts'][number],
  {path, env}: {path: string; env: NodeJS.ProcessEnv},
): Context {
  const sources = {
    resolveEnv: (variable: string) => env[variable],
    readSecretFile: (secret: string) => readFileSync(resolve(dirname(path), secret), 'utf8'),
  };
  const resolved = Object.entries(settings).flatMap(([setting, written]) => {
    if (written === undefined) return [];
    const secret = resolveSecrets(written, sources);
    if ('value' in secret) return [[setting, secret.value]];
    throw new FustorError('CONFIG_INVALID', `${path}: contexts.${name}.${setting}: ${secret.mistake}.`);
  });
  const context: Context = Object.fromEntries(resolved);
  return {...context, ...(context.ca && {ca: resolve(dirname(path), context.ca)})};
}
