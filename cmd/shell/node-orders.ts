import type {CommandEnd, NodeOrder} from '../../core/control/control-loop.ts';
import {systemErrorCode} from '../../core/errors/fustor-error.ts';
import type {PartCommand, PartReport} from '../../core/shell/part-report.ts';
import type {RecentLines} from '../recent-lines.ts';
import {requestUnix} from '../unix-socket.ts';
import {partSocket} from './child-process.ts';
import {lastLines} from './part-log.ts';

/** What does what is ordered. */
export type Executing = {
  parts: {report(): PartReport[]; execute(command: PartCommand, part: string): Promise<string>};
  shell: {reload(): Promise<void>};
  runDirectory: string;
  /** What the shell has logged lately. */
  ownLog: RecentLines | undefined;
};

const linesDefault = 100;
const textBytesMax = 64 * 1024;
const scanAnswerMs = 10_000;

/** Does what a controller orders. Rejects with why it cannot. */
export async function executeOrder(
  {command, part, arguments: given}: NodeOrder,
  {parts, shell, runDirectory, ownLog}: Executing,
): Promise<CommandEnd> {
  const known = parts.report().map(({name}) => name);
  if (part !== null && !known.includes(part)) {
    throw new Error(`There is no part "${part}"; parts: ${known.join(', ') || 'none'}.`);
  }
  switch (command) {
    case 'restart':
    case 'kill':
      return {message: await parts.execute(command, demanded(part, command))};
    case 'scan':
      return {message: await scan(partSocket(runDirectory, demanded(part, command)), given?.path ?? '/')};
    case 'logs':
      return {message: 'The latest lines.', data: {text: logOf(part, given?.lines ?? linesDefault)}};
    case 'reload':
      await shell.reload();
      return {message: 'The configuration was read again, and all is as it says.'};
    default:
      throw new Error(`This version does not know the command "${command satisfies never}".`);
  }

  function logOf(part: string | null, lines: number): string {
    const text = part === null ? ownLog?.tail(lines) : partLog(part, lines);
    return tail(text ?? '', textBytesMax);
  }

  function partLog(part: string, lines: number): string {
    try {
      return lastLines(runDirectory, part, lines);
    } catch (error) {
      throw new Error(`The log of ${part} cannot be read: ${systemErrorCode(error) ?? String(error)}.`);
    }
  }
}

async function scan(socket: string, path: string): Promise<string> {
  const asked = {socket, method: 'POST', path: `/scan?${new URLSearchParams({path})}`, timeoutMs: scanAnswerMs};
  const {body} = await requestUnix(asked).catch(cause => {
    throw new Error(`The payload does not answer: ${systemErrorCode(cause) ?? String(cause)}.`, {cause});
  });
  const {data, error} = JSON.parse(body.toString()) as {data?: {done: string}; error?: {message: string}};
  if (data) return data.done;
  throw new Error(error?.message ?? 'The payload does not know how to scan on order.');
}

function demanded(part: string | null, command: string): string {
  if (part !== null) return part;
  throw new Error(`A "${command}" is for a part, and none was named.`);
}

/** The last part of a text, at most so many bytes of UTF-8, from the beginning of a character on. */
function tail(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  let from = Math.max(0, bytes.byteLength - bytesMax);
  while (from > 0 && from < bytes.byteLength && (bytes[from]! & 0xc0) === 0x80) from++;
  return bytes.toString('utf8', from);
}
