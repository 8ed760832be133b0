import {parseArgs} from 'node:util';
import type {FustorConfig, LogLevel} from '../core/config/schema.ts';
import {FustorError} from '../core/errors/fustor-error.ts';
import type {Log} from '../core/log/log.ts';
import {loadConfig} from './load-config.ts';
import {createLogger} from './logger.ts';
import {RecentLines} from './recent-lines.ts';
import type {Command} from './run-program.ts';
import type {ShellControls} from './shell/shell.ts';
import {stopSignal} from './stop-signal.ts';

type ServeParts<Config> = {
  log: Log;
  signal: AbortSignal;
  controls: ShellControls<Config>;
  /** What this process has logged lately. */
  ownLog: RecentLines;
};

export type ServeOptions<Config> = {
  /** Names of options without a value; `take` is told those that were given. */
  flags?: readonly string[];
  /** Reads what `--bootstrap FILE` names; without it there is no such option. */
  bootstrap?: (file: string) => Promise<Config & {logLevel: LogLevel}>;
};

/** The command line of a shell, `--config FILE`: runs in the foreground until SIGTERM, and then exits with 0. */
export function serveCommand<Config>(
  name: string,
  take: (config: FustorConfig, file: string, flags: ReadonlySet<string>) => Config & {logLevel: LogLevel},
  run: (config: Config, parts: ServeParts<Config>) => Promise<void>,
  {flags = [], bootstrap}: ServeOptions<Config> = {},
): Command {
  return async args => {
    const {config: file, bootstrap: bootstrapFile, given} = readArguments(name, args, {flags, bootstrap});
    const load = async () =>
      bootstrapFile === undefined ? take(await loadConfig(file!), file!, given) : bootstrap!(bootstrapFile);
    const config = await load();
    const recent = new RecentLines();
    const log = createLogger(config.logLevel, {part: name}, recent);
    await run(config, {log, signal: stopSignal(), controls: {load}, ownLog: recent});
    return 0;
  };
}

type Arguments = {config: string | undefined; bootstrap: string | undefined; given: ReadonlySet<string>};

function readArguments(
  name: string,
  args: string[],
  {flags, bootstrap}: {flags: readonly string[]; bootstrap: unknown},
): Arguments {
  const switches = Object.fromEntries(flags.map(flag => [flag, {type: 'boolean'} as const]));
  const second = bootstrap === undefined ? {} : {bootstrap: {type: 'string'} as const};
  let values: Record<string, unknown>;
  try {
    const options = {...switches, ...second, config: {type: 'string', short: 'c'} as const};
    values = parseArgs({args, options, strict: true}).values;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FustorError('USAGE', `${message}.`.replace('..', '.'), {cause, hint: `Run "${name} --help".`});
  }
  const {config: file, bootstrap: first, ...rest} = values as Record<string, string | undefined>;
  if ((file === undefined) !== (first === undefined)) {
    return {config: file, bootstrap: first, given: new Set(Object.keys(rest))};
  }
  const message = file === undefined ? 'No configuration is given.' : 'Both --config and --bootstrap are given.';
  throw new FustorError('USAGE', message, {hint: `Run "${name} --config FILE".`});
}

/** For a section that the program needs and the file does not have. */
export function missingSection(file: string, section: string): FustorError {
  return new FustorError('CONFIG_INVALID', `The configuration ${file} has no section "${section}".`, {
    hint: 'See fustor.example.yaml for what it holds.',
  });
}
