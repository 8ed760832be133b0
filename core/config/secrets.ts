/** Where secrets come from. The domain reads no environment and no files, so the program hands these in. */
export type SecretSources = {
  /** The value of an environment variable, undefined when it is not set. */
  resolveEnv(name: string): string | undefined;
  /** The content of a file. Throws when it cannot be read, with a message that names the file as it was looked for. */
  readSecretFile(path: string): string;
};

export type Resolved = {value: string} | {mistake: string};

/**
 * Puts the values in for `${env:NAME}` and `${file:/path}`, wherever they stand in the text; `$${` is a plain `${`.
 * One newline at the end of a file is not part of the secret. A mistake names the variable or the file, never a value.
 */
export function resolveSecrets(text: string, sources: SecretSources): Resolved {
  return replaceReferences(text, reference => resolveReference(reference, sources));
}

/** The same with what `resolve` makes of `kind:target`. `plain` is what becomes of `$${`. */
export function replaceReferences(text: string, resolve: (reference: string) => Resolved, plain = '${'): Resolved {
  let mistake: string | undefined;
  const value = text.replaceAll(/\$\$\{|\$\{(?:([^{}]*)\})?/g, (match, reference: string | undefined) => {
    if (match === '$${') return plain;
    const resolved = resolve(reference ?? '');
    if ('value' in resolved) return resolved.value;
    mistake ??= resolved.mistake;
    return '';
  });
  return mistake === undefined ? {value} : {mistake};
}

function resolveReference(reference: string, {resolveEnv, readSecretFile}: SecretSources): Resolved {
  const [, kind, target] = /^(env|file):(.+)$/s.exec(reference) ?? [];
  if (kind === 'env' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(target)) {
    const value = resolveEnv(target);
    if (value === undefined) return {mistake: `the environment variable ${target} is not set`};
    return value === '' ? {mistake: `the environment variable ${target} is empty`} : {value};
  }
  if (kind === 'file') return readSecret(target, readSecretFile);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the notation itself
  return {mistake: 'a "${" that begins neither ${env:NAME} nor ${file:/path}; write "$${" for a plain "${"'};
}

function readSecret(path: string, readSecretFile: SecretSources['readSecretFile']): Resolved {
  try {
    const value = readSecretFile(path).replace(/\r?\n$/, '');
    return value === '' ? {mistake: `the file ${path} is empty`} : {value};
  } catch (error) {
    return {mistake: `the secret cannot be read: ${error instanceof Error ? error.message : String(error)}`};
  }
}
