import {randomBytes} from 'node:crypto';
import {setTimeout as delay} from 'node:timers/promises';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {AnswerError} from '../answer-error.ts';
import type {Client} from '../client.ts';
import {isObject, type JsonObject} from '../exact-json.ts';
import type {Io} from '../io.ts';
import {jsonDocument} from '../output/json.ts';
import {cell, table} from '../output/table.ts';
import type {Verb} from '../verb.ts';

type Flags = {wait: boolean};

/** How often is asked what became of it: first soon, because most take a moment. */
const pollMs = {min: 50, max: 1_000};
/** What a controller takes. */
const deadlineMs = {min: 100, max: 3_600_000};

/**
 * A verb that has something done to the processes of an agent. What has not reached the agent when this command gives up will
 * not be done any more. Exit code 1 when it failed, 6 when its end was not heard of in time.
 */
export function agentOrder({order, summary}: {order: 'restart' | 'kill'; summary: string}): Verb<Flags> {
  return {
    name: `agent ${order}`,
    summary,
    declare: command =>
      command
        .argument('<agent>', 'name of the agent')
        .argument('[pipe]', 'only the process of this pipe; else those of all')
        .option('--wait', 'until it is done, for --timeout at most', true)
        .option(
          '--no-wait',
          'only until the controller has taken it; --timeout is how long it may still reach the agent',
        ),

    run: async ({control, args, flags, timeoutMs, isJson, io}) => {
      const [agent, pipe] = [args[0]!, args[1]];
      const path = `agents/${encodeURIComponent(agent)}`;
      const {data} = await control.get(path);
      const pipes = pipe === undefined ? pipesOf(data) : [pipe];
      if (pipes.length === 0) throw new FustorError('PIPE_NOT_FOUND', `The agent ${agent} has no pipes.`);
      if (isObject(data) && data.state === 'silent') {
        io.notice(`${agent} is silent since ${cell('since', data.since)}; it hears of this when it is back in time.`);
      }
      const deadline_ms = Math.min(deadlineMs.max, Math.max(deadlineMs.min, timeoutMs));
      const endsAt = performance.now() + timeoutMs;
      const ordered = await Promise.all(
        pipes.map(async one => {
          const id = randomBytes(8).toString('hex');
          const answer = await control.post(`${path}/commands`, {command: order, pipe: one, id, deadline_ms});
          return isObject(answer.data) ? answer.data : {};
        }),
      );
      const commands = flags.wait ? await untilEnded(ordered, {client: control, path, endsAt, io}) : ordered;
      await io.write(isJson ? jsonDocument({data: commands}) : shown(commands));
      return flags.wait ? exitCode(commands) : 0;
    },
  };
}

function pipesOf(agent: unknown): string[] {
  const parts = isObject(agent) && Array.isArray(agent.parts) ? agent.parts.filter(isObject) : [];
  return parts.flatMap(({pipe}) => (typeof pipe === 'string' ? [pipe] : []));
}

type Wait = {client: Client; path: string; endsAt: number; io: Io};

async function untilEnded(commands: JsonObject[], wait: Wait): Promise<JsonObject[]> {
  try {
    return await Promise.all(commands.map(command => untilOneEnded(command, wait)));
  } finally {
    wait.io.progress?.('');
  }
}

/** As it is last known: a controller that is started again meanwhile still knows it. */
async function untilOneEnded(ordered: JsonObject, {client, path, endsAt, io}: Wait): Promise<JsonObject> {
  let command = ordered;
  for (let waitMs = pollMs.min; !hasEnded(command); waitMs = Math.min(pollMs.max, 1.5 * waitMs)) {
    const leftMs = endsAt - performance.now();
    if (leftMs <= 0) break;
    io.progress?.(`${cell('pipe', command.pipe)}: ${cell('state', command.state)} …`);
    await delay(Math.min(waitMs, leftMs));
    try {
      const {data} = await client.get(`${path}/commands/${encodeURIComponent(String(ordered.id))}`);
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

function exitCode(commands: JsonObject[]): number {
  if (commands.some(({state}) => state === 'failed')) return 1;
  return commands.every(({state}) => state === 'done') ? 0 : 6;
}

function shown(commands: JsonObject[]): string {
  const columns = ['pipe', 'command', 'state', 'message'];
  return table(
    columns.map(column => column.toUpperCase()),
    commands.map(command => columns.map(column => cell(column, command[column]))),
  );
}
