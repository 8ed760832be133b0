import {readFileSync} from 'node:fs';
import {open} from 'node:fs/promises';
import {dirname, resolve} from 'node:path';
import {parseConfig} from '../core/config/parse.ts';
import type {ControllerConfig, FusionConfig, FustorConfig, ServerFiles} from '../core/config/schema.ts';
import type {SecretSources} from '../core/config/secrets.ts';
import {FustorError, systemErrorCode} from '../core/errors/fustor-error.ts';

/** A thousand times the size of the example; more than that is some other file. */
const bytesMax = 4 * 2 ** 20;

/**
 * The validated configuration of a file. Relative paths in it (`data`, `path`, `${file:…}`) start from the folder that the
 * file is in, so that the result does not depend on where the program was started. Throws CONFIG_INVALID.
 */
export async function loadConfig(file: string, env: NodeJS.ProcessEnv = process.env): Promise<FustorConfig> {
  const {text, folder, secrets} = await readConfigFile(file, env);
  const config = parseConfig(text, {file, ...secrets});
  return {
    ...config,
    ...(config.fusion && {fusion: fusionAt(config.fusion, folder)}),
    ...(config.controller && {controller: atFolder(config.controller, folder)}),
    ...(config.agent && {agent: {...config.agent, data: resolve(folder, config.agent.data)}}),
    sources: config.sources.map(source => ({...source, path: resolve(folder, source.path)})),
    senders: config.senders.map(sender => senderAt(sender, folder)),
  };
}

export type FileParts = {text: string; folder: string; secrets: SecretSources};

/** A file as a text, and what is taken from around it: relative paths start from its folder. Throws CONFIG_INVALID. */
export async function readConfigFile(file: string, env: NodeJS.ProcessEnv = process.env): Promise<FileParts> {
  const folder = dirname(resolve(file));
  return {text: await readText(file), folder, secrets: secretsFrom(folder, env)};
}

/** What `${env:…}` and `${file:…}` stand for in a file of this folder. */
export function secretsFrom(folder: string, env: NodeJS.ProcessEnv = process.env): SecretSources {
  return {resolveEnv: name => env[name], readSecretFile: path => readSecretFile(resolve(folder, path))};
}

export function fusionAt({data, tls, ...rest}: FusionConfig, folder: string): FusionConfig {
  return {...rest, data: resolve(folder, data), tls: tls && serverFilesAt(tls, folder)};
}

export function senderAt<T extends {ca?: string | undefined}>(sender: T, folder: string): T {
  return sender.ca === undefined ? sender : {...sender, ca: resolve(folder, sender.ca)};
}

function serverFilesAt({certificate, key}: ServerFiles, folder: string): ServerFiles {
  return {certificate: resolve(folder, certificate), key: resolve(folder, key)};
}

function atFolder(controller: ControllerConfig, folder: string): ControllerConfig {
  const {data, tls, git} = controller;
  const files = tls?.files && serverFilesAt(tls.files, folder);
  const signers = git?.allowedSigners;
  return {
    ...controller,
    data: resolve(folder, data),
    ...(tls && {tls: {...tls, files}}),
    ...(git && {git: {...git, allowedSigners: signers === undefined ? undefined : resolve(folder, signers)}}),
  };
}

async function readText(file: string): Promise<string> {
  const bytes = await readBounded(file).catch(error => {
    throw unreadable(file, reasonOf(error), error);
  });
  if (bytes.length > bytesMax) throw unreadable(file, `it is larger than ${bytesMax / 2 ** 20} MiB`);
  try {
    return new TextDecoder('utf-8', {fatal: true}).decode(bytes);
  } catch (error) {
    throw unreadable(file, 'it is not a text in UTF-8', error);
  }
}

/** Also from a pipe or `/dev/stdin`, whose size nobody knows; one byte too many is enough to see that it is too large. */
async function readBounded(file: string): Promise<Buffer> {
  await using handle = await open(file, 'r');
  const chunks: Buffer[] = [];
  for (let left = bytesMax + 1; left > 0; ) {
    const {bytesRead, buffer} = await handle.read(Buffer.alloc(Math.min(left, 2 ** 16)));
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    left -= bytesRead;
  }
  return Buffer.concat(chunks);
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${path}: ${reasonOf(error)}`, {cause: error});
  }
}

function reasonOf(error: unknown): string {
  return reasons[systemErrorCode(error) ?? ''] ?? String(error);
}

const reasons: Record<string, string> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EISDIR: 'it is a directory',
  EACCES: 'this user may not read it',
};

function unreadable(file: string, reason: string, cause?: unknown): FustorError {
  return new FustorError('CONFIG_INVALID', `Cannot read the configuration ${file}: ${reason}.`, {cause});
}
