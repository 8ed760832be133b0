import {readFileSync} from 'node:fs';
import {apiKey, duration, httpUrl, name} from '../../core/config/values.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Connection} from './client.ts';
import {readContext} from './contexts.ts';

/** The flags that every verb has, as they are written. */
export type ConnectionFlags = {
  endpoint?: string;
  controller?: string;
  key?: string;
  view?: string;
  context?: string;
  ca?: string;
  timeout: string;
};

/** The fusion, and beside it the controller: where nothing else is said, the one that the fusion embeds. */
export type Target = Connection & {view: string | undefined; controller: Connection};

/**
 * Where to ask and as whom: flags, else the environment, else the current context. `--context` goes before the
 * environment: it was asked for. The key of a context is only ever sent to the endpoints of that context.
 */
export function chooseTarget(flags: ConnectionFlags, env: NodeJS.ProcessEnv): Target {
  const address = flags.endpoint === undefined ? flags.controller : flags.endpoint;
  if (flags.context !== undefined && address !== undefined) {
    throw new FustorError(
      'USAGE',
      'Give either --context or --endpoint and --controller: a context is both, with its key.',
    );
  }
  const variables = {
    endpoint: env.FUSTOR_ENDPOINT,
    controller: env.FUSTOR_CONTROLLER,
    key: env.FUSTOR_KEY,
    view: env.FUSTOR_VIEW,
    ca: env.FUSTOR_CA,
  };
  const isContextUsed = flags.context !== undefined || !(flags.endpoint ?? variables.endpoint);
  const context = isContextUsed ? readContext(flags.context, env) : {};
  const layers = flags.context === undefined ? [flags, variables, context] : [flags, context, variables];
  const choose = (setting: 'endpoint' | 'key' | 'view' | 'ca') =>
    layers.map(layer => layer[setting]).find(value => value);

  const endpoint = choose('endpoint') ?? 'http://127.0.0.1:8102';
  // Whoever says where the fusion is also says where its controller is: two sites must not be mixed up.
  const site = layers.find(layer => layer.controller || layer.endpoint);
  const controller = site?.controller || site?.endpoint || endpoint;
  const isForeign = site !== context && controller !== endpoint;
  const ownLayers = layers.filter(layer => !isForeign || layer !== context);

  const view = choose('view');
  const ca = choose('ca');
  const common = {
    timeoutMs: checked(duration({min: '1ms'}), flags.timeout, `--timeout "${flags.timeout}"`),
    ...(ca && {ca: readCertificates(ca)}),
  };
  return {
    ...common,
    endpoint: checkedAddress('endpoint', endpoint),
    key: checkedKey(choose('key')),
    view: view === undefined ? undefined : checked(name, view, `The view "${view}"`),
    controller: {
      ...common,
      endpoint: checkedAddress('controller', controller),
      key: checkedKey(ownLayers.map(layer => layer.key).find(value => value)),
    },
  };
}

function checkedAddress(what: string, url: string): string {
  return checked(httpUrl, url, `The ${what} "${url.replace(/\/\/.*@/, '//…@')}"`);
}

function checkedKey(key: string | undefined): string | undefined {
  return key === undefined ? undefined : checked(apiKey, key, 'The key');
}

function readCertificates(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FustorError('USAGE', `Cannot read the certificates: ${(cause as Error).message}.`, {cause});
  }
}

type Check<T> = {
  safeParse(value: unknown): {success: true; data: T} | {success: false; error: {issues: {message: string}[]}};
};

function checked<T>(check: Check<T>, value: string, what: string): T {
  const result = check.safeParse(value);
  if (result.success) return result.data;
  throw new FustorError('USAGE', `${what} is not ${result.error.issues[0].message}.`);
}
