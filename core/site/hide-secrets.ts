import type {Settings} from './site-file.ts';

const secretSettings = ['key', 'auth_token'];

/** A copy for people: keys only by the names of their credentials, never as they are. */
export function hideSecrets(settings: Settings): Settings {
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([name]) => name !== 'sha256')
      .map(([name, value]) => [name, hidden(name, value)]),
  );
}

function hidden(name: string, value: unknown): unknown {
  if (secretSettings.includes(name)) return typeof value === 'string' && isReference(value) ? value : '(hidden)';
  if (Array.isArray(value)) return value.map(one => hidden('', one));
  return typeof value === 'object' && value !== null ? hideSecrets(value as Settings) : value;
}

/** Nothing but where it is taken from. */
function isReference(value: string): boolean {
  return /^\$\{(secret|env|file):[^{}]*\}$/.test(value);
}
