import {isDeepStrictEqual} from 'node:util';
import type {StoredAgent} from './control-store.ts';

/** What is always moving, and no reason to write to a disk: it is stored with the next thing that is, or from time to time. */
const movingOfParts = new Set(['uptime_ms', 'memory_bytes', 'retry_in_ms', 'health']);
const movingOfNodes = new Set(['sequence', 'seenAt', 'onlineSince', 'views']);

/** Whether what a node says now is, but for what is always moving, what it said before. */
export function isStillHere(before: StoredAgent, now: StoredAgent): boolean {
  return isDeepStrictEqual(lastingOf(before), lastingOf(now));
}

function lastingOf({parts, ...node}: StoredAgent): object {
  return {...without(node, movingOfNodes), parts: parts.map(part => without(part, movingOfParts))};
}

function without(object: object, names: ReadonlySet<string>): object {
  return Object.fromEntries(Object.entries(object).filter(([name, value]) => !names.has(name) && value !== undefined));
}
