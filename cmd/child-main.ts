import {text} from 'node:stream/consumers';
import type {z} from 'zod';
import type {LogLevel} from '../core/config/schema.ts';
import {FustorError} from '../core/errors/fustor-error.ts';
import type {Log} from '../core/log/log.ts';
import {createLogger} from './logger.ts';
import type {Command} from './run-program.ts';
import {stopSignal} from './stop-signal.ts';

type ChildParts = {log: Log; signal: AbortSignal};

/** The command of a part that a shell starts: reads its configuration from stdin and runs until it is told to stop. */
export function childCommand<T extends z.ZodType>(
  name: string,
  schema: T,
  run: (config: z.output<T>, parts: ChildParts) => Promise<void>,
): Command {
  return async args => {
    if (args.length > 0 || process.stdin.isTTY) {
      throw new FustorError('USAGE', `"${name}" is a part that only its shell starts.`, {
        hint: 'Run it with --config FILE.',
      });
    }
    const told = parse(await text(process.stdin));
    // Its shell died before it had told all of it: the next one knows nothing of this process.
    if (!told) return new FustorError('USAGE', '').exitCode;
    const {logLevel, facts, ...config} = told;
    const log = createLogger(logLevel, {part: name, ...facts});
    try {
      await run(schema.parse(config), {log, signal: stopSignal()});
      return 0;
    } catch (error) {
      const isExpected = error instanceof FustorError;
      log.error(
        {error: isExpected ? error.message : error instanceof Error ? error.stack : String(error)},
        `${name} ends`,
      );
      return isExpected ? error.exitCode : new FustorError('INTERNAL', '').exitCode;
    }
  };
}

function parse(json: string): {logLevel: LogLevel; facts: object} | undefined {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
