import type {StoredSession} from '../view/view-status.ts';

/**
 * First come, first served: the first session of a view leads, and leads until it ends. Then the one that has been open
 * longest takes over. So a newcomer, or a session that comes back, never takes the lead from one that works.
 */
export function electLeader(sessions: readonly StoredSession[]): StoredSession | undefined {
  const [first, ...others] = [...sessions].sort((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1));
  return sessions.find(({role}) => role === 'leader') ?? (first && others.reduce(older, first));
}

function older(a: StoredSession, b: StoredSession): StoredSession {
  return b.openedAt < a.openedAt ? b : a;
}
