import type {Clock} from '../../time/clock.ts';
import type {ControlStore} from '../control-store.ts';
import type {Condition, ProblemKind, Severity} from './condition.ts';
import {type Facts, factsAt, type Given} from './facts.ts';
import {HealthMemory, type Look} from './memory.ts';
import {type NodeRow, nodeRows} from './node-rows.ts';
import {nodeConditions} from './node-rules.ts';
import {partConditions} from './part-rules.ts';
import {type PipeRow, pipeRows} from './pipe-rows.ts';
import {siteConditions} from './site-rules.ts';
import {type SessionRow, sessionRows, type ViewRow, viewRows} from './view-rows.ts';
import {viewConditions} from './view-rules.ts';

export type Problem = {
  subject: string;
  kind: ProblemKind;
  severity: Severity;
  problem: string;
  /** Wall time of the controller in milliseconds since 1970. */
  since: number;
  next: string;
  /** Who may not see this view is not told. */
  view: string | undefined;
};

type Since = {since: number};

/** What is, against what should be, at one moment. */
export type HealthPicture = {
  nodes: (NodeRow & Since)[];
  pipes: (PipeRow & Since)[];
  views: (ViewRow & Since)[];
  sessions: (SessionRow & Since)[];
  problems: Problem[];
};

export type HealthParts = {
  store: ControlStore;
  clock: Clock;
  /** As they are now. */
  facts: () => Given;
};

const worstFirst: readonly Severity[] = ['error', 'warning', 'notice'];

/** All conditions of these facts, also those that are no problem yet. */
export function conditionsOf(facts: Facts): Condition[] {
  return [nodeConditions, partConditions, viewConditions, siteConditions].flatMap(rules => rules(facts));
}

/** How everything is, and since when; what needs somebody to act, and what they type next. */
export class Health {
  readonly #parts: HealthParts;
  readonly #memory: HealthMemory;
  readonly #startedAt: number;

  constructor(parts: HealthParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
    this.#memory = new HealthMemory(parts.store, this.#startedAt);
  }

  /** A look at everything there is: some milliseconds for a thousand nodes. */
  picture(): HealthPicture {
    const {clock} = this.#parts;
    const [now, at] = [clock.now(), clock.monotonic()];
    const facts = factsAt(this.#parts.facts(), {nowMs: now, upMs: at - this.#startedAt});
    const look = this.#memory.look({now, at});
    const picture = {
      nodes: nodeRows(facts).map(row => dated(look, row, `${row.kind}/${row.id}`)),
      pipes: pipeRows(facts).map(row => dated(look, row, `pipe/${row.agent}/${row.pipe}`)),
      views: viewRows(facts).map(row => dated(look, row, `view/${row.view}`)),
      sessions: sessionRows(facts).map(row => dated(look, row, `session/${row.view}/${row.agent}/${row.pipe}`)),
      problems: conditionsOf(facts)
        .flatMap(condition => told(look, condition, now))
        .sort((a, b) => worstFirst.indexOf(a.severity) - worstFirst.indexOf(b.severity) || a.since - b.since),
    };
    look.end();
    return picture;
  }

  /** The configuration in force, and how long ago Git was read with success; undefined where there is none. */
  site(): {revision: number | undefined; gitAgeMs: number | undefined} {
    const {revision, git} = this.#parts.facts();
    const goodAt = git?.goodAt;
    return {revision, gitAgeMs: goodAt === undefined ? undefined : this.#parts.clock.now() - goodAt};
  }

  /** The problems, kept before they are told: a controller that is started again tells no other `since`. */
  async problems(): Promise<Problem[]> {
    const {problems} = this.picture();
    await this.#memory.save().catch(() => {}); // `tick` tells of it
    return problems;
  }

  /** Notices what has changed when nobody asks, and keeps since when. Called every few seconds. */
  async tick(): Promise<void> {
    this.picture();
    await this.#memory.save();
  }
}

function dated<Row extends {state: string; sinceMs?: number | undefined}>(
  look: Look,
  row: Row,
  subject: string,
): Row & Since {
  if (row.sinceMs !== undefined) return {...row, since: row.sinceMs};
  const key = `state/${subject}`;
  const {since} = look.note(key, {mark: row.state});
  look.keep(key);
  return {...row, since};
}

/** None while it is too young, or when it has been told for long enough. */
function told(look: Look, condition: Condition, nowMs: number): Problem[] {
  const {subject, kind, severity, problem, next, view, mark = '', patienceMs = 0, toldForMs = Infinity} = condition;
  const key = `problem/${kind}/${subject}`;
  const {since, forMs} = look.note(key, {mark, since: condition.since});
  if (forMs < patienceMs) return [];
  look.keep(key);
  if (nowMs - since >= toldForMs) return [];
  return [{subject, kind, severity, problem, since, next, view}];
}
