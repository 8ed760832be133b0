import {pino} from 'pino';
import type {LogLevel} from '../core/config/schema.ts';
import type {Log} from '../core/log/log.ts';
import type {RecentLines} from './recent-lines.ts';
import {stderr} from './stderr.ts';

/**
 * JSON lines on stderr, written at once: the last words of a process that dies are the ones somebody needs. `facts` stand in
 * every line. `recent` is given each of them, too.
 */
export function createLogger(level: LogLevel, facts: object, recent?: RecentLines): Log {
  const write = (line: string) => {
    stderr.write(line);
    recent?.add(line);
  };
  return pino(
    {level, base: {...facts, pid: process.pid}, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message'},
    {write},
  );
}
