import type {Condition} from './condition.ts';
import type {Facts} from './facts.ts';
import {next} from './next-command.ts';
import type {SessionReport, ViewReport} from './reports.ts';

/** A leader comes back, or another one takes over, within a session's timeout. */
const staleAfterMs = 45_000;
const notServedAfterMs = 60_000;
/** Batches that were rejected stay rejected: somebody should look once. */
const rejectedToldForMs = 24 * 3_600_000;

/** What is wrong with the views of fusions that are heard. */
export function viewConditions(facts: Facts): Condition[] {
  const heard = facts.nodes.filter(({stored, isOnline}) => stored.kind === 'fusion' && isOnline);
  return [
    ...heard.flatMap(({stored}) => facts.reports.get(stored.id) ?? []).flatMap(view => viewSays(view, facts)),
    ...notServed(facts),
  ].map(condition => ({...condition, view: condition.subject.slice('view/'.length)}));
}

function viewSays(report: ViewReport, facts: Facts): Condition[] {
  const {view, sync, problem, rejected, sessions} = report;
  const about = {subject: `view/${view}`, next: next.view(view)};
  const found: Condition[] = [];
  if (sync === 'unreadable') {
    const reason = `Its store cannot be read (${problem ?? 'unknown'}): nothing can be told of the tree.`;
    found.push({...about, kind: 'unreadable', severity: 'error', problem: reason});
  }
  if (sync === 'stale' || sync === 'empty') {
    const what = sync === 'stale' ? 'what is known of it grows old' : 'nothing has been told of it yet';
    const reason = `${whyNobody(sessions)}: ${what}.`;
    const look = feeder(facts, view) ?? about.next;
    found.push({...about, kind: sync, severity: 'error', problem: reason, next: look, patienceMs: staleAfterMs});
  }
  const leader = sessions.find(({role}) => role === 'leader');
  if (
    leader &&
    typeof leader.watched === 'number' &&
    typeof leader.known === 'number' &&
    leader.watched < leader.known
  ) {
    const percent = Math.floor((100 * leader.watched) / leader.known);
    const reason = `${percent} % of its directories are watched by ${leader.id}; changes elsewhere are found by audits.`;
    found.push({...about, kind: 'coverage', severity: 'notice', problem: reason});
  }
  if (rejected.count > 0) {
    const last = rejected.reason === undefined ? '' : `; the last one: ${rejected.reason}`;
    const told = {mark: String(rejected.count), toldForMs: rejectedToldForMs};
    const reason = `Batches that could not be applied were put aside, ${rejected.count} so far${last}.`;
    found.push({...about, kind: 'rejected', severity: 'warning', problem: reason, ...told});
  }
  return found;
}

function whyNobody(sessions: SessionReport[]): string {
  const away = sessions.find(({role}) => role === 'leader');
  if (away?.unavailable) return `The storage of its leader ${away.id} cannot be looked at (${away.unavailable})`;
  return sessions.length === 0 ? 'No agent feeds it' : 'It has no leader';
}

/** How to look at an agent that should feed this view. */
function feeder({desired}: Facts, view: string): string | undefined {
  const agent = desired?.agents.find(({pipes}) => pipes.some(pipe => pipe.view === view));
  return agent && next.show('agent', agent.id);
}

/** Of a fusion that tells of its views, and not of this one. */
function notServed({desired, heard, reports}: Facts): Condition[] {
  if (!desired) return [];
  return desired.views.flatMap(({name, fusion}): Condition[] => {
    const host = heard.get(`fusion/${fusion}`);
    if (!host?.isOnline || host.stored.views === undefined) return [];
    if (reports.get(host.stored.id)?.some(({view}) => view === name)) return [];
    const problem = `It is configured, and the fusion ${host.stored.id} does not serve it.`;
    const look = next.show('fusion', host.stored.id);
    const subject = `view/${name}`;
    return [{kind: 'not_served', subject, severity: 'error', problem, next: look, patienceMs: notServedAfterMs}];
  });
}
