import type {DesiredState, FileProblem} from '../control/desired-state.ts';
import {FustorError} from '../errors/fustor-error.ts';
import type {Log} from '../log/log.ts';
import {backoffMs} from '../pipe/backoff.ts';
import {Signal} from '../pipe/signal.ts';
import type {Clock} from '../time/clock.ts';
import type {GitRepository} from './git-repository.ts';
import type {GitState, GitSyncOutcome} from './git-state.ts';

export type GitFollowerSettings = {
  /** Without credentials. */
  url: string;
  branch: string;
  intervalMs: number;
  takesSignedOnly: boolean;
};

export type GitFollowerParts = {
  repository: GitRepository;
  desired: DesiredState;
  clock: Clock;
  random: () => number;
  log: Log;
};

type Waiting = {acceptsRewrite: boolean} & PromiseWithResolvers<GitSyncOutcome>;

/** Give or take: many controllers must not ask one server in step. */
const jitter = 0.2;
const retryMsMax = 600_000;

/**
 * Has the desired state follow a branch. What is in force stays so while Git cannot be reached, and when what is there is not
 * to be used:
 *
 * 1. The history only goes on: a commit that does not descend from the one accepted last is taken on demand alone.
 * 2. A commit that is not signed, where it must be, is not read.
 * 3. No files at all are a mistake, not a wish.
 * 4. A pin outlives commits and restarts: while it is, a commit is offered once.
 */
export class GitFollower {
  readonly #settings: GitFollowerSettings;
  readonly #parts: GitFollowerParts;
  readonly #asked = new Signal();
  #waiting: Waiting[] = [];
  /** By this process, and no pin was in the way. */
  #applied: string | undefined;
  #state: GitState;

  constructor(settings: GitFollowerSettings, parts: GitFollowerParts) {
    this.#settings = settings;
    this.#parts = parts;
    const {url, branch} = settings;
    const commit = parts.desired.current().commit ?? null;
    const beginning = {state: 'ok', reason: null, since: this.#now(), next_at: null, problems: []} as const;
    this.#state = {url, branch, commit, head: null, checked_at: null, ...beginning, problems: []};
  }

  state(): GitState {
    return this.#state;
  }

  /** Has Git asked soon, and waits for nothing. */
  poke(): void {
    this.#asked.raise();
  }

  /**
   * Asks Git after this moment, and resolves to what came of it. Rejects with GIT_FAILED or as `offer` does; then what was in
   * force is. `acceptsRewrite`: also when the history is another one.
   */
  sync({acceptsRewrite}: {acceptsRewrite: boolean}): Promise<GitSyncOutcome> {
    const waiting = {acceptsRewrite, ...Promise.withResolvers<GitSyncOutcome>()};
    this.#waiting.push(waiting);
    this.#asked.raise();
    return waiting.promise;
  }

  /** Resolves when `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const {clock, random} = this.#parts;
    let failures = 0;
    while (!signal.aborted) {
      const seen = this.#asked.count;
      const isReachable = await this.#check(signal);
      failures = isReachable ? 0 : failures + 1;
      const {intervalMs} = this.#settings;
      const ms = isReachable
        ? intervalMs * (1 + jitter * (2 * random() - 1))
        : backoffMs({minMs: intervalMs, maxMs: Math.max(intervalMs, retryMsMax)}, failures, random());
      this.#state = {...this.#state, next_at: new Date(clock.now() + ms).toISOString()};
      await this.#asked.wait(signal, seen, {clock, ms});
    }
    for (const {reject} of this.#waiting.splice(0)) reject(new FustorError('GIT_FAILED', 'The controller ends.'));
  }

  /** Returns whether the repository could be reached. */
  async #check(signal: AbortSignal): Promise<boolean> {
    const waiting = this.#waiting.splice(0);
    this.#state = {...this.#state, next_at: null};
    let isReachable = false;
    try {
      const head = await this.#parts.repository.fetch(signal);
      isReachable = true;
      this.#state = {...this.#state, head};
      const acceptsRewrite = waiting.some(one => one.acceptsRewrite);
      const outcome = await this.#follow(head, {acceptsRewrite, signal});
      this.#note(outcome.problems);
      for (const {resolve} of waiting) resolve(outcome);
    } catch (error) {
      if (!signal.aborted) this.#noteFailure(error);
      for (const {reject} of waiting) reject(error);
    }
    return isReachable;
  }

  async #follow(
    head: string,
    {acceptsRewrite, signal}: {acceptsRewrite: boolean; signal: AbortSignal},
  ): Promise<GitSyncOutcome> {
    const {repository, desired, log} = this.#parts;
    const accepted = (await repository.accepted(signal)) ?? desired.current().commit;
    const mustDescend = !acceptsRewrite && accepted !== undefined && accepted !== head;
    if (mustDescend && !(await repository.descends(head, accepted, signal))) throw rewritten(head, accepted);
    if (this.#settings.takesSignedOnly) await repository.verify(head, signal);
    const isPinned = desired.pin() !== undefined;
    if (head === (isPinned ? accepted : this.#applied)) {
      this.#state = {...this.#state, commit: head};
      const {revision} = desired.current();
      return {revision, isNew: false, problems: this.#state.problems, changed: [], commit: head};
    }

    const {files, problems, author, message} = await repository.read(head, signal);
    if (files.size === 0) throw empty(head);
    const before = desired.current().files;
    // A file that cannot be read is none that was deleted.
    const kept = problems.flatMap(({file}) =>
      files.has(file) || !before.has(file) ? [] : ([[file, before.get(file)!]] as const),
    );
    const offered = new Map([...files, ...kept]);
    const outcome = await desired.offer({
      files: offered,
      origin: 'git',
      author,
      message,
      commit: head,
      isStrict: false,
    });
    await repository.accept(head, signal);
    this.#applied = isPinned ? undefined : head;
    this.#state = {...this.#state, commit: head};
    if (outcome.isNew) log.info({commit: head, revision: outcome.revision, author}, 'a revision from Git is in force');
    return {...outcome, problems: [...problems, ...outcome.problems], commit: head};
  }

  #note(problems: FileProblem[]): void {
    this.#state = {...this.#state, problems};
    if (problems.length === 0) {
      this.#turn('ok', null);
      return;
    }
    const of = problems.length === 1 ? 'A file is' : `${problems.length} files are`;
    this.#turn('failing', `${of} not used: ${problems[0]!.message}`);
  }

  #noteFailure(error: unknown): void {
    const {log} = this.#parts;
    if (!(error instanceof FustorError)) log.error({error: String(error)}, 'following Git failed');
    this.#turn('failing', error instanceof Error ? error.message : String(error));
  }

  #turn(state: GitState['state'], reason: string | null): void {
    const before = this.#state;
    const now = this.#now();
    this.#state = {...before, state, reason, checked_at: now, since: state === before.state ? before.since : now};
    if (reason === before.reason) return;
    if (reason === null) this.#parts.log.info({commit: before.commit}, 'what is in Git is in force again');
    else this.#parts.log.warn({reason}, 'what is in Git is not all in force; what was last good is');
  }

  #now(): string {
    return new Date(this.#parts.clock.now()).toISOString();
  }
}

function rewritten(head: string, accepted: string): FustorError {
  const [to, from] = [head, accepted].map(commit => commit.slice(0, 12));
  return new FustorError(
    'GIT_FAILED',
    `The history was rewritten: ${to} does not descend from ${from}, accepted last.`,
    {
      hint: 'Look at what is there now; if it is what you want, sync with "accept_rewrite".',
      details: {head, accepted},
    },
  );
}

function empty(head: string): FustorError {
  return new FustorError('GIT_FAILED', `There is no .yaml or .yml file in the commit ${head.slice(0, 12)}.`, {
    hint: 'Check "branch" and "path" of controller.git.',
  });
}
