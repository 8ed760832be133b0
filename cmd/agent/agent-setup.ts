import {createHash} from 'node:crypto';
import {readdirSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {z} from 'zod';
import {parseAgentBootstrap} from '../../core/config/bootstrap.ts';
import {type PipeParts, type PipesConfig, parsePipes} from '../../core/config/parse-pipes.ts';
import type {AgentConfig, FustorConfig, LogLevel} from '../../core/config/schema.ts';
import {partOfPipe} from '../../core/control/part-names.ts';
import {canonicalBytes} from '../../core/manifest/canonical.ts';
import type {Manifest} from '../../core/manifest/manifest.ts';
import type {Wanted} from '../../core/node/apply-planner.ts';
import {readConfigFile, secretsFrom, senderAt} from '../load-config.ts';
import {payloadConfig} from './run-payload.ts';

/** What an agent is told by the files of its host. */
export type AgentSetup = {
  agent: AgentConfig;
  /** Of the controller's certificate; undefined: the one that it shows first is trusted. */
  caSha256?: string | undefined;
  /** Where relative paths of a manifest start. */
  folder: string;
  /** What counts while no controller has said anything. Undefined: there are no such files. */
  local: PipesConfig | undefined;
  logLevel: LogLevel;
};

/** Beside the file that an agent is started with. */
const localFolder = 'agent-config';

/** From `--config FILE`, which has no mistakes. */
export function setupOfFile(config: FustorConfig & {agent: AgentConfig}, file: string): AgentSetup {
  const {agent, sources, senders} = config;
  const pipes = config.pipes.map(pipe => ({
    name: pipe.name,
    pipe,
    // References were checked when the configuration was read.
    source: sources.find(({name}) => name === pipe.source)!,
    sender: senders.find(({name}) => name === pipe.sender)!,
  }));
  const local = {pipes, agent, mistakes: [], isComplete: true};
  return {agent, folder: dirname(resolve(file)), local, logLevel: agent.logLevel};
}

/** From `--bootstrap FILE`. Throws CONFIG_INVALID for a mistake in it; those in local files of pipes only keep out pipes. */
export async function setupOfBootstrap(file: string, env?: NodeJS.ProcessEnv): Promise<AgentSetup> {
  const {text, folder, secrets} = await readConfigFile(file, env);
  const {agent, caSha256} = parseAgentBootstrap(text, {file, ...secrets});
  const placed = {...agent, data: resolve(folder, agent.data)};
  const local = await readLocal(join(folder, localFolder), placed, env);
  return {agent: placed, caSha256, folder, local, logLevel: agent.logLevel};
}

/** The pipes of a manifest. */
export function pipesOfManifest({config}: Manifest, {folder, agent}: AgentSetup): PipesConfig {
  const text = Buffer.from(canonicalBytes(config)).toString();
  const files = [{file: 'the manifest', text}];
  return placed(parsePipes(files, secretsFrom(folder), ownSettings(agent)), folder);
}

/** Each pipe on its own, as the part that it is; of one that may be in a file that cannot be read, what was applied last goes on. */
export function wantedPipes({pipes, mistakes, isComplete}: PipesConfig, known: readonly string[]): Wanted<PipeParts>[] {
  const wanted = pipes.map(one => {
    const name = partOfPipe(one.name);
    if ('mistake' in one) return {name, mistake: one.mistake};
    const {pipe, source, sender} = one;
    return {name, setup: {hash: setupHash({pipe, source, sender}), config: {pipe, source, sender}}};
  });
  if (isComplete) return wanted;
  const missing = known.filter(name => !wanted.some(one => one.name === name));
  return [...wanted, ...missing.map(name => ({name, mistake: mistakes.join('\n')}))];
}

const pipeParts = z.object({
  pipe: payloadConfig.shape.pipe,
  source: payloadConfig.shape.source,
  sender: payloadConfig.shape.sender.partial({key: true}),
});

/** Whether a payload can be made from it. */
export function isPipeParts(value: unknown): value is PipeParts {
  return pipeParts.safeParse(value).success;
}

function setupHash(parts: PipeParts): string {
  return createHash('sha256').update(canonicalBytes(parts)).digest('hex').slice(0, 16);
}

async function readLocal(
  folder: string,
  agent: AgentConfig,
  env?: NodeJS.ProcessEnv,
): Promise<PipesConfig | undefined> {
  const names = yamlFilesIn(folder);
  if (names.length === 0) return undefined;
  const unread: string[] = [];
  const files = [];
  for (const name of names) {
    try {
      const file = join(folder, name);
      files.push({file, text: (await readConfigFile(file)).text});
    } catch (error) {
      unread.push(error instanceof Error ? error.message : String(error));
    }
  }
  const parsed = placed(parsePipes(files, secretsFrom(folder, env), ownSettings(agent)), folder);
  return {...parsed, mistakes: [...unread, ...parsed.mistakes], isComplete: parsed.isComplete && unread.length === 0};
}

function yamlFilesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter(name => /^[^.].*\.ya?ml$/.test(name))
      .sort();
  } catch {
    return []; // there is none
  }
}

/** What a manifest or a file of pipes need not say, and cannot change. */
function ownSettings({id, data}: AgentConfig): object {
  return {id, data};
}

function placed(config: PipesConfig, folder: string): PipesConfig {
  const pipes = config.pipes.map(one =>
    'mistake' in one
      ? one
      : {
          ...one,
          source: {...one.source, path: resolve(folder, one.source.path)},
          sender: senderAt(one.sender, folder),
        },
  );
  return {...config, pipes};
}
