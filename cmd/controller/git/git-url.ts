/** An address with a password in it, taken apart: processes show their command lines to everybody. */
export type GitUrl = {
  /** For git, without the password. */
  url: string;
  credentials: {user: string; password: string} | undefined;
  /** For people. */
  shown: string;
  /** What must not be shown. */
  secrets: string[];
};

export function takeApart(written: string): GitUrl {
  const [, scheme = '', userInfo = '', rest = ''] = /^(\w+:\/\/)(?:([^/]*)@)?(.*)$/.exec(written) ?? [];
  if (userInfo === '') return {url: written, credentials: undefined, shown: written, secrets: []};
  const shown = scheme + rest;
  const [user = '', password = ''] = userInfo.split(/:(.*)/s);
  const secrets = [userInfo, password, decoded(password)].filter(secret => secret !== '');
  // A name alone may be what the administrator's credential helper knows the password of.
  if (password === '' || !scheme.startsWith('http')) return {url: written, credentials: undefined, shown, secrets};
  return {url: shown, credentials: {user: decoded(user), password: decoded(password)}, shown, secrets};
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
