import {FustorError} from '../errors/fustor-error.ts';
import {type ControlRead, type ControlWrite, isOpen, type StoredAgent, type StoredCommand} from './control-store.ts';
import {pipeOf} from './part-names.ts';
import type {Acknowledgement, NodeKind, PendingCommand} from './protocol.ts';

/**
 * What becomes of a command: queued, sent, and then done, failed or expired.
 *
 * 1. It takes effect at most once. Only the instance of the shell that it was first told to may execute it, and that one
 *    remembers what it executed. When another instance speaks for the agent, nobody will ever know, and it has failed.
 * 2. That it is sent is stored before it is told.
 */

export type CommandOrder = {
  id: string;
  agent: string;
  /** `agent` when it is not said. */
  kind?: NodeKind | undefined;
  part: string | null;
  command: StoredCommand['command'];
  arguments?: StoredCommand['arguments'];
  /** Name of the key. */
  key: string;
  deadlineMs: number;
  nowMs: number;
};

const openMax = 100;
/** After its deadline a command that began may still be running; afterwards nobody waits for its end any more. */
const givenUpAfterMs = 600_000;

/** The same order again is the same command. Throws AGENT_NOT_FOUND, PIPE_NOT_FOUND, COMMAND_CONFLICT, TOO_MANY_COMMANDS. */
export function orderCommand(txn: ControlWrite, order: CommandOrder): {command: StoredCommand; isNew: boolean} {
  const {id, agent: name, part, nowMs} = order;
  const agent = getAgent(txn, name, order.kind);
  const known = txn.command(name, id);
  if (known) {
    if (isSame(known, order)) return {command: known, isNew: false};
    throw new FustorError('COMMAND_CONFLICT', `The ${agent.kind} ${name} has another command with the id ${id}.`, {
      hint: 'Choose another id, or none.',
    });
  }
  if (part !== null && !agent.parts.some(reported => reported.name === part)) throw partNotFound(agent, part);
  if (txn.openCommands(name).length >= openMax) {
    throw new FustorError(
      'TOO_MANY_COMMANDS',
      `${openMax} commands for the ${agent.kind} ${name} wait or run already.`,
      {
        hint: 'Order it again when some of them have ended.',
      },
    );
  }
  const command: StoredCommand = {
    agent: name,
    id,
    number: txn.nextNumber(),
    part,
    command: order.command,
    arguments: order.arguments,
    state: 'queued',
    orderedBy: order.key,
    orderedAt: nowMs,
    deadlineAt: nowMs + order.deadlineMs,
    sentTo: undefined,
    sentAt: 0,
    endedAt: 0,
    message: undefined,
    data: undefined,
  };
  txn.putCommand(command);
  return {command, isNew: true};
}

export function getAgent(txn: ControlRead, id: string, kind: NodeKind = 'agent'): StoredAgent {
  const agent = txn.agent(id);
  if (agent?.kind === kind) return agent;
  const code = kind === 'agent' ? 'AGENT_NOT_FOUND' : 'NOT_FOUND';
  throw new FustorError(code, `There is no ${kind} "${id}": none has sent a heartbeat under this name.`, {
    hint: `Run "fustorctl get ${kind}s" to see those that have.`,
  });
}

export function getCommand(txn: ControlRead, agent: string, id: string, kind: NodeKind = 'agent'): StoredCommand {
  const command = txn.command(agent, id);
  if (command) return command;
  throw new FustorError('COMMAND_NOT_FOUND', `The ${kind} ${agent} has no command ${id}.`, {
    hint: 'Only the last thousand that have ended are kept.',
  });
}

/** What a shell says of commands that it was told. One that was given up is corrected: the shell knows better. */
export function acknowledge(
  txn: ControlWrite,
  agent: string,
  {acknowledgements, nowMs}: {acknowledgements: readonly Acknowledgement[]; nowMs: number},
): void {
  for (const {id, outcome, message, data} of acknowledgements) {
    const command = txn.command(agent, id);
    if (!command || (!isOpen(command) && command.state !== 'expired')) continue;
    if (command.state !== outcome) end(txn, command, {state: outcome, message, data, nowMs});
  }
}

type Hearing = {agent: string; instance: string; known: readonly string[]; nowMs: number};

/** Ends what this instance of the shell will never execute. */
export function settleCommands(txn: ControlWrite, {agent, instance, known, nowMs}: Hearing): void {
  for (const command of txn.openCommands(agent)) {
    if (command.sentTo !== undefined && command.sentTo !== instance) {
      const message = 'The shell was replaced before it told what became of this. It may have been done.';
      end(txn, command, {state: 'failed', message, nowMs});
    } else if (command.deadlineAt <= nowMs && !known.includes(command.id)) {
      end(txn, command, {state: 'expired', message: 'It did not reach the agent in time.', nowMs});
    }
  }
}

/** Whether `tellCommands` would tell any. */
export function hasCommands(txn: ControlRead, {agent, known, nowMs}: Omit<Hearing, 'instance'>): boolean {
  return txn.openCommands(agent).some(({id, deadlineAt}) => !known.includes(id) && deadlineAt > nowMs);
}

/** All that the shell does not know of, after `settleCommands`. From here on they are this instance's. */
export function tellCommands(txn: ControlWrite, {agent, instance, known, nowMs}: Hearing): PendingCommand[] {
  const told = txn.openCommands(agent).filter(({id, deadlineAt}) => !known.includes(id) && deadlineAt > nowMs);
  for (const command of told) {
    if (command.state === 'queued') txn.putCommand({...command, state: 'sent', sentTo: instance, sentAt: nowMs});
  }
  return told.map(({id, part, command, arguments: given, deadlineAt}) => ({
    ...{id, part, command, ...(given && {arguments: given})},
    deadline_ms: deadlineAt - nowMs,
  }));
}

export function hasOverdueCommands(txn: ControlRead, nowMs: number): boolean {
  return txn.openCommands().some(command => isOverdue(command, nowMs));
}

/** Ends what nobody has fetched in time, and gives up what nothing was heard of. */
export function expireCommands(txn: ControlWrite, nowMs: number): void {
  for (const command of txn.openCommands()) {
    if (!isOverdue(command, nowMs)) continue;
    const message =
      command.state === 'queued'
        ? 'It did not reach the agent in time.'
        : 'Nothing was heard of it since it was sent. It may have been done.';
    end(txn, command, {state: 'expired', message, nowMs});
  }
}

function isOverdue({state, deadlineAt}: StoredCommand, nowMs: number): boolean {
  return nowMs >= (state === 'queued' ? deadlineAt : deadlineAt + givenUpAfterMs);
}

function end(
  txn: ControlWrite,
  command: StoredCommand,
  {
    state,
    message,
    data,
    nowMs,
  }: Pick<StoredCommand, 'state' | 'message'> & {data?: StoredCommand['data']; nowMs: number},
): void {
  txn.putCommand({...command, state, message, data, endedAt: nowMs});
}

function isSame(known: StoredCommand, {part, command, arguments: given}: CommandOrder): boolean {
  return (
    known.part === part &&
    known.command === command &&
    known.arguments?.path === given?.path &&
    known.arguments?.lines === given?.lines
  );
}

function partNotFound({id, kind, parts}: StoredAgent, part: string): FustorError {
  if (kind === 'fusion') {
    const names = parts.map(({name}) => name).join(', ');
    return new FustorError('NOT_FOUND', `The fusion ${id} has no part "${part}".`, {
      hint: `It has ${names || 'none'}.`,
    });
  }
  const pipes = parts.flatMap(({name}) => pipeOf(name) ?? []);
  return new FustorError('PIPE_NOT_FOUND', `The agent ${id} has no pipe "${pipeOf(part) ?? part}".`, {
    hint: pipes.length === 0 ? 'It has none.' : `It has ${pipes.join(', ')}.`,
  });
}
