import {randomBytes} from 'node:crypto';
import {setTimeout as delay} from 'node:timers/promises';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {AnswerError} from './answer-error.ts';
import type {Client} from './client.ts';
import {isObject, type JsonObject} from './exact-json.ts';
import type {Io} from './io.ts';
import {cell} from './output/table.ts';

/** How often is asked what became of a command: first soon, because most take a moment. */
const pollMs = {min: 50, max: 1_000};
/** What a controller takes. */
const deadlineMs = {min: 100, max: 3_600_000};

/** `path`: of the node, below `/api/v1/`. */
export type Node = {control: Client; path: string};

/** Has the controller take a command. It has an id, so asked twice it is one. */
export async function orderCommand(
  {control, path, timeoutMs}: Node & {timeoutMs: number},
  order: object,
): Promise<JsonObject> {
  const id = randomBytes(8).toString('hex');
  const deadline_ms = Math.min(deadlineMs.max, Math.max(deadlineMs.min, timeoutMs));
  const {data} = await control.post(`${path}/commands`, {...order, id, deadline_ms});
  return isObject(data) ? data : {};
}

export type Wait = Node & {endsAt: number; io: Io};

export async function untilEnded(commands: JsonObject[], wait: Wait): Promise<JsonObject[]> {
  try {
    return await Promise.all(commands.map(command => untilOneEnded(command, wait)));
  } finally {
    wait.io.progress?.('');
  }
}

/** As it is last known: a controller that is started again meanwhile still knows it. */
async function untilOneEnded(ordered: JsonObject, {control, path, endsAt, io}: Wait): Promise<JsonObject> {
  let command = ordered;
  for (let waitMs = pollMs.min; !hasEnded(command); waitMs = Math.min(pollMs.max, 1.5 * waitMs)) {
    const leftMs = endsAt - performance.now();
    if (leftMs <= 0) break;
    io.progress?.(
      `${cell('target', command.pipe ?? command.part ?? command.command)}: ${cell('state', command.state)} …`,
    );
    await delay(Math.min(waitMs, leftMs));
    try {
      const {data} = await control.get(`${path}/commands/${encodeURIComponent(String(ordered.id))}`);
      if (isObject(data)) command = data;
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }
  return command;
}

function isPassing(error: unknown): boolean {
  if (error instanceof AnswerError) return error.status >= 500 || error.status === 429;
  return error instanceof FustorError && (error.code === 'UNREACHABLE' || error.code === 'TIMED_OUT');
}

/** A state that is not known here is none to wait for. */
function hasEnded({state}: JsonObject): boolean {
  return state !== 'queued' && state !== 'sent';
}

export function exitCodeOfCommands(commands: JsonObject[]): number {
  if (commands.some(({state}) => state === 'failed')) return 1;
  return commands.every(({state}) => state === 'done') ? 0 : 6;
}
