import type {ApplyState} from '../control/protocol.ts';
import type {PartState} from '../shell/part-report.ts';

/**
 * What each part of a node is to run, when what it should run changes and may not work. Parts never touch each other.
 *
 * 1. What is wanted runs, unless it does not validate or has failed: then what was applied last goes on.
 * 2. It is applied when it was healthy for a soak, on that very hash. Only what was applied is ever gone back to.
 * 3. What failed is not taken again until something else is wanted.
 * 4. A part that was applied and dies later is not the fault of its configuration.
 */

/** What a part is made from; two with the same hash mean the same. */
export type Setup<C> = {hash: string; config: C};

/** What should be: `mistake` says why it cannot. */
export type Wanted<C> = {name: string} & ({setup: Setup<C>} | {mistake: string});

export type ApplyRecord<C> = {
  name: string;
  /** Undefined: what is wanted does not validate, and `failed` says why. */
  desired: Setup<C> | undefined;
  /** Was applied last. */
  lastGood: Setup<C> | undefined;
  /** Of what is wanted now. */
  failed: Failure | undefined;
  /** While what is wanted is not applied. Belongs to one life of the shell. */
  trial: Trial | undefined;
};

/** `hash` is missing for what does not validate. `at` is wall time in milliseconds. */
export type Failure = {hash?: string | undefined; reason: string; at: number};

/**
 * On the monotonic clock: since when it is healthy, and since when it cannot do what it is there for. Both begin anew with
 * each death.
 */
type Trial = {deaths: number; healthySince: number | undefined; unfitSince: number | undefined};

/** A part as it is now. */
export type Look = {
  /** Of the setup that its process was made from, or the next one will be; undefined when it is neither wanted nor good. */
  hash: string | undefined;
  state: PartState;
  /** How often it died with this setup by itself, since this shell began. */
  deaths: number;
  /** How it died last, in one sentence. */
  lastDeath: string | undefined;
  fitness: Fitness;
  /** When the fitness was seen, on the monotonic clock; undefined: now. */
  seenAt?: number | undefined;
};

/**
 * - `fit`: it does what it is there for
 * - `waiting`: it does not, for a reason that lies outside
 * - otherwise why it does not, and what changed may be to blame
 */
export type Fitness = 'fit' | 'waiting' | {unfit: string};

export type Plan<C> = {
  /** One for each part that is wanted, in that order. What is not among them is to be stopped. */
  records: ApplyRecord<C>[];
  /** When to look again though nothing has happened, on the monotonic clock; undefined: never. */
  lookAgainAt: number | undefined;
};

export type PlanInput<C> = {
  records: readonly ApplyRecord<C>[];
  wanted: readonly Wanted<C>[];
  looks: ReadonlyMap<string, Look>;
  soakMs: number;
  /** Monotonic, and wall time. */
  nowMs: number;
  wallMs: number;
};

/** A part that dies so often before it is applied will not be. */
export const deathsMax = 3;
/** What a part says of its health may change without a sign. */
const lookAgainMs = 1_000;

export function plan<C>({records, wanted, looks, soakMs, nowMs, wallMs}: PlanInput<C>): Plan<C> {
  const known = new Map(records.map(record => [record.name, record]));
  const next = wanted.map(one => {
    const record = want(known.get(one.name) ?? blank<C>(one.name), one, wallMs);
    return judge(record, looks.get(one.name), {soakMs, nowMs, wallMs});
  });
  const due = next.flatMap(({trial}) => (trial ? dueOf(trial, soakMs) : [])).filter(at => at > nowMs);
  const isTrying = next.some(({trial}) => trial !== undefined);
  return {records: next, lookAgainAt: isTrying ? Math.min(nowMs + lookAgainMs, ...due) : undefined};
}

/** What the part is to run now; undefined: nothing. */
export function chosen<C>({desired, lastGood, failed}: ApplyRecord<C>): Setup<C> | undefined {
  return failed && lastGood ? lastGood : (desired ?? lastGood);
}

export function stateOf<C>(record: ApplyRecord<C>, look: Look | undefined): ApplyState {
  const {desired, lastGood, failed} = record;
  if (!desired) return 'invalid';
  if (failed) return lastGood ? 'rolled_back' : 'failed';
  if (look?.hash !== desired.hash) return 'pending';
  if (lastGood?.hash === desired.hash) return 'applied';
  return look.state === 'running' ? 'soaking' : 'pending';
}

function blank<C>(name: string): ApplyRecord<C> {
  return {name, desired: undefined, lastGood: undefined, failed: undefined, trial: undefined};
}

function want<C>(record: ApplyRecord<C>, wanted: Wanted<C>, wallMs: number): ApplyRecord<C> {
  if ('setup' in wanted) {
    const {setup} = wanted;
    if (setup.hash === record.desired?.hash) return {...record, desired: setup};
    return {...record, desired: setup, failed: undefined, trial: undefined};
  }
  const isTold = record.desired === undefined && record.failed?.reason === wanted.mistake;
  const failed = isTold ? record.failed : {reason: wanted.mistake, at: wallMs};
  return {...record, desired: undefined, failed, trial: undefined};
}

type Moment = {soakMs: number; nowMs: number; wallMs: number};

function judge<C>(record: ApplyRecord<C>, look: Look | undefined, {soakMs, nowMs, wallMs}: Moment): ApplyRecord<C> {
  const {desired, lastGood} = record;
  if (!desired || chosen(record) !== desired) return {...record, trial: undefined};
  // Another one is wanted with the same meaning as what was applied.
  if (lastGood?.hash === desired.hash) return {...record, lastGood: desired, failed: undefined, trial: undefined};
  if (look?.hash !== desired.hash) return {...record, trial: begun(0)};
  const trial = tried(record.trial, look, nowMs);
  if (hasLasted(trial.healthySince, soakMs, nowMs)) {
    return {...record, lastGood: desired, failed: undefined, trial: undefined};
  }
  // What was seen once, early, has not lasted only because nobody has looked since.
  const reason = failureOf(look, hasLasted(trial.unfitSince, soakMs, look.seenAt ?? nowMs));
  if (reason === undefined) return {...record, trial};
  // Without something to go back to it is tried again and again, and may work one day.
  const failed = record.failed ?? {hash: desired.hash, reason, at: wallMs};
  return {...record, failed, trial: lastGood ? undefined : trial};
}

function begun(deaths: number): Trial {
  return {deaths, healthySince: undefined, unfitSince: undefined};
}

function tried(before: Trial | undefined, {state, deaths, fitness}: Look, nowMs: number): Trial {
  const {healthySince = nowMs, unfitSince = nowMs} = before?.deaths === deaths ? before : {};
  if (state !== 'running' || fitness === 'waiting') return begun(deaths);
  return fitness === 'fit' ? {...begun(deaths), healthySince} : {...begun(deaths), unfitSince};
}

function failureOf({state, deaths, lastDeath, fitness}: Look, isUnfit: boolean): string | undefined {
  if (state === 'quarantined' || deaths >= deathsMax) {
    return `It died ${deaths === 1 ? 'once' : `${deaths} times`} before it was applied. ${lastDeath ?? ''}`.trim();
  }
  return isUnfit && typeof fitness === 'object' ? fitness.unfit : undefined;
}

function hasLasted(since: number | undefined, ms: number, nowMs: number): boolean {
  return since !== undefined && nowMs - since >= ms;
}

function dueOf({healthySince, unfitSince}: Trial, soakMs: number): number[] {
  return [healthySince, unfitSince].flatMap(since => (since === undefined ? [] : since + soakMs));
}
