import {apiKey, duration, httpUrl, name} from '../../core/config/values.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Connection} from './client.ts';
import {readContext} from './contexts.ts';

/** The flags that every verb has, as they are written. */
export type ConnectionFlags = {endpoint?: string; key?: string; view?: string; context?: string; timeout: string};

export type Target = Connection & {view: string | undefined};

/**
 * Where to ask and as whom: flags, else the environment, else the current context. `--context` goes before the
 * environment: it was asked for. The key of a context is only ever sent to the endpoint of that context.
 */
export function chooseTarget(flags: ConnectionFlags, env: NodeJS.ProcessEnv): Target {
  if (flags.context !== undefined && flags.endpoint !== undefined) {
    throw new FustorError('USAGE', 'Give either --context or --endpoint: a context is an endpoint with its key.');
  }
  const variables = {endpoint: env.FUSTOR_ENDPOINT, key: env.FUSTOR_KEY, view: env.FUSTOR_VIEW};
  const isContextUsed = flags.context !== undefined || !(flags.endpoint ?? variables.endpoint);
  const context = isContextUsed ? readContext(flags.context, env) : {};
  const layers = flags.context === undefined ? [flags, variables, context] : [flags, context, variables];
  const choose = (setting: 'endpoint' | 'key' | 'view') => layers.map(layer => layer[setting]).find(value => value);

  const endpoint = choose('endpoint') ?? 'http://127.0.0.1:8102';
  const key = choose('key');
  const view = choose('view');
  return {
    endpoint: checked(httpUrl, endpoint, `The endpoint "${endpoint.replace(/\/\/.*@/, '//…@')}"`),
    key: key === undefined ? undefined : checked(apiKey, key, 'The key'),
    view: view === undefined ? undefined : checked(name, view, `The view "${view}"`),
    timeoutMs: checked(duration({min: '1ms'}), flags.timeout, `--timeout "${flags.timeout}"`),
  };
}

type Check<T> = {
  safeParse(value: unknown): {success: true; data: T} | {success: false; error: {issues: {message: string}[]}};
};

function checked<T>(check: Check<T>, value: string, what: string): T {
  const result = check.safeParse(value);
  if (result.success) return result.data;
  throw new FustorError('USAGE', `${what} is not ${result.error.issues[0].message}.`);
}
