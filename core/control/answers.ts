import type {StoredAgent, StoredCommand} from './control-store.ts';
import {isOpen} from './control-store.ts';
import {pipeOf} from './part-names.ts';

export type AgentAnswer = ReturnType<typeof agentAnswer>;
export type CommandAnswer = ReturnType<typeof commandAnswer>;

/**
 * An agent as the API tells it. Times in `shell`, `config` and `parts` are those of the agent's host; `since`, `seen_at` and
 * those of commands are the controller's.
 */
export function agentAnswer(agent: StoredAgent, {isOnline, silentMs}: {isOnline: boolean; silentMs: number}) {
  const {id, kind, shell, instance, config, parts, views, seenAt, onlineSince, key} = agent;
  return {
    id,
    kind,
    state: isOnline ? ('online' as const) : ('silent' as const),
    /** `online` since, or last heard. */
    since: isoTime(isOnline ? onlineSince : seenAt),
    seen_at: isoTime(seenAt),
    silent_ms: silentMs,
    key,
    instance,
    shell,
    config,
    parts: parts.map(part => ({...part, pipe: pipeOf(part.name) ?? null})),
    ...(views && {views}),
  };
}

/** Of an agent in a list: its parts without how they died and what they say of themselves. */
export function agentSummary({parts, ...agent}: AgentAnswer) {
  return {...agent, parts: parts.map(({name, pipe, state, pid}) => ({name, pipe, state, pid}))};
}

export function commandAnswer(command: StoredCommand, nowMs: number) {
  const {id, agent, part, state, orderedBy, orderedAt, deadlineAt, sentAt, endedAt, message} = command;
  return {
    id,
    agent,
    part,
    pipe: part === null ? null : (pipeOf(part) ?? null),
    command: command.command,
    ...(command.arguments && {arguments: command.arguments}),
    state,
    message: message ?? null,
    ...(command.data && {data: command.data}),
    ordered_by: orderedBy,
    ordered_at: isoTime(orderedAt),
    sent_at: sentAt === 0 ? null : isoTime(sentAt),
    ended_at: endedAt === 0 ? null : isoTime(endedAt),
    /** What is left of its time; null when it has ended. */
    deadline_ms: isOpen(command) ? Math.max(0, deadlineAt - nowMs) : null,
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
