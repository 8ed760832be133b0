import {parseArgs} from 'node:util';
import type {FustorConfig, LogLevel} from '../core/config/schema.ts';
import {FustorError} from '../core/errors/fustor-error.ts';
import type {Log} from '../core/log/log.ts';
import {loadConfig} from './load-config.ts';
import {createLogger} from './logger.ts';
import type {Command} from './run-program.ts';
import type {ShellControls} from './shell/shell.ts';
import {stopSignal} from './stop-signal.ts';

type ServeParts<Config> = {log: Log; signal: AbortSignal; controls: ShellControls<Config>};

/** The command line of a shell, `--config FILE`: runs in the foreground until SIGTERM, and then exits with 0. */
export function serveCommand<Config>(
  name: string,
  take: (config: FustorConfig, file: string) => Config & {logLevel: LogLevel},
  run: (config: Config, parts: ServeParts<Config>) => Promise<void>,
): Command {
  return async args => {
    const file = configArgument(name, args);
    const load = async () => take(await loadConfig(file), file);
    const config = await load();
    const log = createLogger(config.logLevel, {part: name});
    await run(config, {log, signal: stopSignal(), controls: {load}});
    return 0;
  };
}

function configArgument(name: string, args: string[]): string {
  try {
    const {values} = parseArgs({args, options: {config: {type: 'string', short: 'c'}}, strict: true});
    if (values.config !== undefined) return values.config;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FustorError('USAGE', `${message}.`.replace('..', '.'), {cause, hint: `Run "${name} --help".`});
  }
  throw new FustorError('USAGE', 'No configuration is given.', {hint: `Run "${name} --config FILE".`});
}

/** For a section that the program needs and the file does not have. */
export function missingSection(file: string, section: string): FustorError {
  return new FustorError('CONFIG_INVALID', `The configuration ${file} has no section "${section}".`, {
    hint: 'See fustor.example.yaml for what it holds.',
  });
}
