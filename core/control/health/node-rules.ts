import type {Condition} from './condition.ts';
import {type Facts, type HeardNode, isWanted, nodeName} from './facts.ts';
import {next} from './next-command.ts';

/** A node pulls what has changed within a second; one that starts, or comes back, within its backoff. */
const notTakenAfterMs = 90_000;
const neverHeardAfterMs = 60_000;
/** As long as a node pauses at most before it tries again a controller that was away. */
const foundAgainAfterMs = 90_000;
/** Certificates are renewed at two thirds of their life: this much of it gone means that it failed, many times. */
const endingAt = 5 / 6;

/** What is wrong with agents and fusions as such. */
export function nodeConditions(facts: Facts): Condition[] {
  return [
    ...facts.nodes.flatMap(node => heardConditions(facts, node)),
    ...neverSeen(facts),
    ...neverConfigured(facts),
    ...unmade(facts),
    ...clones(facts),
    ...certificates(facts),
  ];
}

function heardConditions(facts: Facts, {stored, isOnline}: HeardNode): Condition[] {
  const {kind, id, shell, config, seenAt} = stored;
  const subject = nodeName(stored);
  const show = next.show(kind, id);
  if (!isOnline) {
    if (!isWanted(facts, stored)) return [];
    const problem = `It is silent: host ${shell.host} is down or cannot reach the controller, or it was stopped there.`;
    // While the controller itself was away, nobody could be heard.
    const patienceMs = seenAt < facts.nowMs - facts.upMs ? foundAgainAfterMs : 0;
    return [{kind: 'silent', subject, severity: 'error', problem, next: show, since: seenAt, patienceMs}];
  }
  const found: Condition[] = [];
  if (config.state === 'refused') {
    const reason = config.last_failed?.reason ?? 'it does not say why';
    const problem = `It does not use its newest configuration: ${reason}`;
    found.push({kind: 'config_refused', subject, severity: 'error', problem, next: show});
  }
  const wanted = facts.wanted.get(subject)?.signature;
  if (wanted !== undefined && wanted !== config.desired) {
    const problem = 'It has not taken the configuration that is wanted, and goes on with an earlier one.';
    const waiting = {mark: wanted, patienceMs: notTakenAfterMs};
    found.push({
      ...waiting,
      kind: 'config_not_taken',
      subject,
      severity: 'warning',
      problem,
      next: next.logs(kind, id),
    });
  }
  if (shell.version !== facts.version) {
    const problem = `It runs version ${shell.version}, the controller ${facts.version}.`;
    found.push({kind: 'version_skew', subject, severity: 'notice', problem, next: next.list(kind)});
  }
  return found;
}

function neverSeen({wanted, heard, enrolled = []}: Facts): Condition[] {
  const hasEnrolled = new Set(enrolled.map(nodeName));
  return [...wanted].flatMap(([subject, {kind}]): Condition[] => {
    if (heard.has(subject)) return [];
    const common = {kind: 'never_seen', subject, next: next.enroll(kind)} as const;
    if (!hasEnrolled.has(subject)) {
      const problem = `It is configured, and no ${kind} has ever been heard under this name.`;
      return [{...common, severity: 'warning', problem}];
    }
    const problem = 'It is configured and has enrolled, and has not been heard since.';
    return [{...common, severity: 'error', problem, patienceMs: neverHeardAfterMs}];
  });
}

/** Silent ones that nobody wants are what is left of nodes that were taken away. */
function neverConfigured(facts: Facts): Condition[] {
  const {nodes, heard, enrolled = []} = facts;
  const waiting = nodes
    .filter(({stored: {kind, config, parts, views = []}, isOnline}) => {
      const isIdle = kind === 'agent' ? parts.length === 0 : views.length === 0;
      return isOnline && isIdle && config.origin !== 'file';
    })
    .map(({stored}) => stored);
  const unheard = enrolled.filter(node => !heard.has(nodeName(node)));
  return [...waiting, ...unheard]
    .filter(node => facts.desired === undefined || !isWanted(facts, node))
    .map(node => ({
      kind: 'never_configured',
      subject: nodeName(node),
      severity: 'warning',
      problem: 'It has nothing to do: no configuration names it.',
      next: next.apply,
    }));
}

function unmade({unmade = []}: Facts): Condition[] {
  return unmade.map(({kind, id, reason, since}) => ({
    kind: 'manifest_failed',
    subject: `${kind}/${id}`,
    severity: 'error',
    problem: `It keeps its earlier configuration, because the one that is wanted cannot be made: ${reason}`,
    next: next.describe(kind, id),
    since,
  }));
}

function clones({clones = []}: Facts): Condition[] {
  return clones.map(({kind, id, hosts, since}) => ({
    kind: 'cloned',
    subject: `${kind}/${id}`,
    severity: 'error',
    problem: `Several hosts use this identity: ${hosts.join(', ')}.`,
    next: next.enroll(kind),
    since,
  }));
}

function certificates({certificates = [], nowMs}: Facts): Condition[] {
  return certificates.flatMap(({kind, id, notBefore, notAfter}): Condition[] => {
    const since = Math.round(notBefore + endingAt * (notAfter - notBefore));
    if (nowMs < since) return [];
    const common = {kind: 'certificate_ending', subject: `${kind}/${id}`} as const;
    const at = new Date(notAfter).toISOString();
    if (nowMs < notAfter) {
      const problem = `Its certificate ends at ${at} and has not been renewed.`;
      return [{...common, severity: 'warning', problem, next: next.logs(kind, id), since}];
    }
    return [{...common, severity: 'error', problem: `Its certificate ended at ${at}.`, next: next.enroll(kind), since}];
  });
}
