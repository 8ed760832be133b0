import {createHash, randomBytes} from 'node:crypto';
import {existsSync, readFileSync, realpathSync, statSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {parseArgs} from 'node:util';
import {parseConfig} from '../../core/config/parse.ts';
import type {FustorConfig} from '../../core/config/schema.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {prepareLocalDirectory} from '../../store/local-disk.ts';
import {setupOfFile as agentSetup} from '../agent/agent-setup.ts';
import {runAgent} from '../agent/run-agent.ts';
import {setupOfFile as fusionSetup} from '../fusion/fusion-setup.ts';
import {runFusion} from '../fusion/run-fusion.ts';
import {createLogger} from '../logger.ts';
import type {Command} from '../run-program.ts';
import {stopSignal} from '../stop-signal.ts';
import {followSnapshot} from './follow-snapshot.ts';

const defaultPort = 8102;

/** Everything on one directory, in one command: the same processes as on a site, with this one as the parent of both shells. */
export const start: Command = async args => {
  const {directory, port, data} = readArguments(args);
  const folder = join(data, createHash('sha256').update(directory).digest('hex').slice(0, 12));
  prepareLocalDirectory(folder);
  const key = keptKey(join(folder, 'key'));
  const signal = stopSignal();
  const log = createLogger('warn', {part: 'start'});
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const isChosen = port !== undefined;

  const config = (at: number) => configFor({directory, folder, key, port: at});
  const run = (at: number) =>
    new Promise<{url: string; ended: Promise<void>}>((listening, failed) => {
      const ended = runFusion(fusionSetup(config(at), folder), {
        log,
        signal: stopped,
        onListening: url => listening({url, ended}),
      });
      ended.catch(failed);
    });
  const fusion = await run(port ?? defaultPort).catch(error => {
    if (!(error instanceof FustorError) || error.code !== 'LISTEN_FAILED') throw error;
    if (isChosen) {
      throw new FustorError('LISTEN_FAILED', error.message, {
        cause: error,
        hint: 'Choose another --port, or stop what listens there ("ss -ltnp" tells).',
      });
    }
    process.stdout.write(`Port ${defaultPort} is taken; another is used.\n`);
    return run(0);
  });
  const agent = runAgent(agentSetup(config(Number(new URL(fusion.url).port)), folder), {log, signal: stopped});
  const following = followSnapshot({url: fusion.url, key, directory, signal: stopped});
  try {
    await Promise.all([fusion.ended, agent, following]);
    return 0;
  } finally {
    stop.abort();
    await Promise.allSettled([fusion.ended, agent]);
  }
};

function readArguments(args: string[]): {directory: string; port: number | undefined; data: string} {
  const usage = (message: string) =>
    new FustorError('USAGE', message, {hint: 'Run "npm start -- [--port N] [--data FOLDER] DIRECTORY".'});
  let parsed: {values: {port?: string | undefined; data?: string | undefined}; positionals: string[]};
  try {
    const options = {port: {type: 'string'}, data: {type: 'string'}} as const;
    parsed = parseArgs({args, options, allowPositionals: true, strict: true});
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
  const {values, positionals} = parsed;
  const [written] = positionals;
  if (written === undefined || positionals.length > 1) throw usage('One directory is wanted.');
  if (values.port !== undefined && !/^\d{1,5}$/.test(values.port)) throw usage(`"${values.port}" is not a port.`);
  if (!existsSync(written) || !statSync(written).isDirectory()) {
    throw new FustorError('SOURCE_UNUSABLE', `${resolve(written)} is not a directory.`, {
      hint: 'Name one that exists.',
    });
  }
  return {
    directory: realpathSync(written),
    port: values.port === undefined ? undefined : Number(values.port),
    data: resolve(values.data ?? 'data'),
  };
}

/** The same key at every start, so that a script that was tried goes on working. */
function keptKey(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const key = randomBytes(24).toString('base64url');
  writeFileSync(file, `${key}\n`, {mode: 0o600});
  return key;
}

type Started = FustorConfig & {fusion: NonNullable<FustorConfig['fusion']>; agent: NonNullable<FustorConfig['agent']>};

function configFor(to: {directory: string; folder: string; key: string; port: number}): Started {
  const document = {
    fusion: {listen: `127.0.0.1:${to.port}`, data: join(to.folder, 'fusion'), log_level: 'warn'},
    keys: [
      {name: 'agent', role: 'agent', key: `agent-${to.key}`, views: '*'},
      {name: 'reader', role: 'reader', key: to.key, views: '*'},
    ],
    views: {files: {}},
    agent: {id: 'local', data: join(to.folder, 'agent'), log_level: 'warn'},
    sources: {directory: {path: to.directory}},
    senders: {fusion: {url: `http://127.0.0.1:${to.port === 0 ? 1 : to.port}`, key: `agent-${to.key}`}},
    pipes: {files: {source: 'directory', sender: 'fusion', view: 'files'}},
  };
  const none = () => {
    throw new Error('there are no secrets here');
  };
  // JSON is YAML: the same way in as every configuration, with all its checks and defaults.
  const text = JSON.stringify(document).replaceAll('${', '$${');
  return parseConfig(text, {file: 'npm start', resolveEnv: none, readSecretFile: none}) as Started;
}
