// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {type Resolved, replaceReferences} from '../config/secrets.ts';
import {isName, nameWanted} from '../config/values.ts';

/**
 * `${secret:NAME}` in a file of the desired state: a credential of the controller, put in when a node's manifest is made.
 * `${env:NAME}` and `${file:/path}` are the node's own, and go to it as they stand.
 */

/** The text as it is; a mistake when a reference in it is of no kind that exists. */
export function checkReference(text: string): Resolved {
  const checked = replaceReferences(text, reference => {
    const [, kind, target = ''] = /^(env|file|secret):(.+)$/s.exec(reference) ?? [];
    if (kind === undefined || (kind === 'env' && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(target))) {
      return {
        mistake:
          'a "${" that begins none of ${secret:NAME}, ${env:NAME} and ${file:/path}; write "$${" for a plain "${"',
      };
    }
    return kind === 'secret' && !isName(target)
      ? {mistake: `the name of a credential must be ${nameWanted}`}
      : {value: ''};
  });
  return 'mistake' in checked ? checked : {value: text};
}

/** The credentials that a text names. */
export function namesSecret(text: string): string[] {
  const names: string[] = [];
  replaceReferences(text, reference => {
    const name = secretName(reference);
    if (name !== undefined) names.push(name);
    return {value: ''};
  });
  return names;
}

/** A copy in which credentials stand in their places, written so that the node leaves every `${` in them alone. */
export function putSecrets<T>(value: T, secret: (name: string) => string): T {
  if (typeof value === 'string') return putIntoText(value, secret) as T;
  if (Array.isArray(value)) return value.map(one => putSecrets(one, secret)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, putSecrets(one, secret)])) as T;
}

/** What a text means when the credentials in it are put in. */
export function plainText(text: string, secret: (name: string) => string): string {
  const plain = replaceReferences(text, reference => ({value: secret(secretName(reference) ?? '')}));
  return 'value' in plain ? plain.value : text;
}

function putIntoText(text: string, secret: (name: string) => string): string {
  const put = replaceReferences(
    text,
    reference => {
      const name = secretName(reference);
      return {value: name === undefined ? `\${${reference}}` : secret(name).replaceAll('${', () => '$${')};
    },
    '$${',
  );
  return 'value' in put ? put.value : text;
}

function secretName(reference: string): string | undefined {
  return /^secret:(.+)$/s.exec(reference)?.[1];
}
