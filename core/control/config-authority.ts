import {FustorError} from '../errors/fustor-error.ts';
import type {Sealing} from '../identity/sealing.ts';
import type {Log} from '../log/log.ts';
import {accessChanges} from '../site/access-changes.ts';
import {composeAgain, composeLenient, composeStrict} from '../site/compose.ts';
import {filesDiff, isSameFiles} from '../site/file-changes.ts';
import type {Site} from '../site/site.ts';
import {SiteReader} from '../site/site-reader.ts';
import type {Clock} from '../time/clock.ts';
import type {ControlStore} from './control-store.ts';
import type {DesiredState, FileProblem, Offer, OfferOutcome, SiteFiles} from './desired-state.ts';
import type {Identities, ManifestPlan, Manifests} from './manifests.ts';
import {
  addRevision,
  filesOf,
  getRevision,
  isKept,
  listRevisions,
  type NewRevision,
  newestRevision,
  type StoredRevision,
} from './revisions.ts';

/**
 * What the nodes should do, and who may change it.
 *
 * 1. The revision in force, the pin, and the manifests that come of it change in one transaction.
 * 2. While a pin is set, nothing but another rollback or its release changes what is in force.
 */
export type AuthorityParts = {
  store: ControlStore;
  sealing: Sealing;
  manifests: Manifests;
  identities: Identities;
  clock: Clock;
  log: Log;
  /** Whether the desired state comes from Git, and from nowhere else. */
  hasGit: boolean;
};

type Pin = NonNullable<ReturnType<DesiredState['pin']>>;

/** In the table `desired`, under `state`. */
type StoredState = {
  inForce: number;
  /** In force if there were no pin: the last one that was offered and taken. */
  head: number;
  pin: Pin | undefined;
  /** Of files that were offered last and are not used. */
  problems: FileProblem[];
};
const stateKey = 'state';
/** In a message. */
const changesShown = 10;

/** `unread`: what this program does not understand, and another one did. */
type InForce = {revision: StoredRevision | undefined; files: SiteFiles; site: Site; unread: FileProblem[]};

/** What a change would do. */
type Step = InForce & {
  state: StoredState;
  /** To be stored; undefined when it is there already. */
  added: NewRevision | undefined;
  /** Whether other files come into force. */
  isNew: boolean;
  problems: FileProblem[];
  diff: string;
  manifests: ManifestPlan;
};

/** `diff`: from what was in force to what is then, as `diff -ru` tells it. */
export type ChangeOutcome = OfferOutcome & {diff: string};

type Rollback = {to: number; message?: string | undefined} & Pick<Offer, 'author' | 'keepsAccess'>;

export class ConfigAuthority implements DesiredState {
  readonly #parts: AuthorityParts;
  readonly #reader = new SiteReader();
  #state: StoredState;
  #inForce: InForce;
  /** One change after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: AuthorityParts) {
    this.#parts = parts;
    this.#state = parts.store.read(txn => txn.record<StoredState>('desired', stateKey)) ?? {
      ...{inForce: 0, head: 0, pin: undefined, problems: []},
    };
    this.#inForce = this.#load(this.#state.inForce);
  }

  offer(offer: Offer): Promise<ChangeOutcome> {
    return this.#next(async () => {
      const step = this.#consider(offer);
      await this.#take(step);
      return outcomeOf(step);
    });
  }

  /** What `offer` would do now: it throws what that would throw. */
  consider(offer: Offer): ChangeOutcome {
    try {
      return outcomeOf(this.#consider(offer));
    } finally {
      this.#reader.forgetOthers(this.#inForce.files);
    }
  }

  /** Brings the files of an earlier revision into force, and pins them. Throws NOT_FOUND; FORBIDDEN as an offer does. */
  rollback({to, author, message, keepsAccess = false}: Rollback): Promise<ChangeOutcome> {
    return this.#next(async () => {
      const target = this.#load(to);
      if (keepsAccess) this.#demandAccessOf(target.site);
      const {commit} = this.revision(to);
      const at = this.#parts.clock.now();
      const isNew = !isSameFiles(target.files, this.#inForce.files);
      const why = `Back to revision ${to}${message === undefined ? '' : `: ${message}`}`;
      const added: NewRevision = {author, at, origin: 'rollback', commit, message: why, files: target.files};
      const number = isNew ? this.#nextNumber() : this.#state.inForce;
      const state = {...this.#state, inForce: number, pin: {revision: number, by: author, at}, problems: []};
      const from = isNew ? target : this.#inForce;
      const step = this.#step(from, {state, added: isNew ? added : undefined, isNew});
      await this.#take(step);
      this.#parts.log.warn({revision: number, to, author}, 'rolled back, and pinned');
      return outcomeOf(step);
    });
  }

  /** Ends the pin: what Git has said meanwhile comes into force; without Git, what is in force stays. */
  release(author: string): Promise<ChangeOutcome> {
    return this.#next(async () => {
      const number = this.#parts.hasGit && this.#state.pin ? this.#state.head : this.#state.inForce;
      const state = {...this.#state, inForce: number, head: number, pin: undefined};
      const isNew = number !== this.#state.inForce;
      const step = this.#step(isNew ? this.#load(number) : this.#inForce, {state, isNew});
      await this.#take(step);
      this.#parts.log.info({revision: number, author}, 'nothing is pinned any more');
      return outcomeOf(step);
    });
  }

  /** Tokens, keys or credentials have changed, or this program: nodes get what follows of it. */
  refresh(): Promise<void> {
    return this.#next(async () => {
      const step = this.#step(this.#inForce, {state: this.#state});
      if (step.manifests.put.length + step.manifests.remove.length > 0) await this.#take(step);
    });
  }

  current(): ReturnType<DesiredState['current']> {
    const {revision, files} = this.#inForce;
    return {revision: this.#state.inForce, files, commit: revision?.commit};
  }

  pin(): Pin | undefined {
    return this.#state.pin;
  }

  /** As it is in force. */
  site(): Site {
    return this.#inForce.site;
  }

  /** The revision in force, undefined before the first; what was offered last, and what of it is not used. */
  status(): {revision: StoredRevision | undefined; head: number; pin: Pin | undefined; problems: FileProblem[]} {
    const {head, pin, problems} = this.#state;
    return {revision: this.#inForce.revision, head, pin, problems};
  }

  /** Throws NOT_FOUND. */
  revision(number: number): StoredRevision {
    return this.#parts.store.read(txn => getRevision(txn, number));
  }

  /** The newest first, older than `before`. */
  revisions(range: {before?: number | undefined; limit: number}): StoredRevision[] {
    return this.#parts.store.read(txn => listRevisions(txn, range));
  }

  /** What a revision consisted of. Throws NOT_FOUND. */
  filesOf(number: number): SiteFiles {
    if (number === this.#state.inForce) return this.#inForce.files;
    return this.#parts.store.read(txn => filesOf(txn, number, this.#parts.sealing));
  }

  /** Where a credential is named, for people. */
  usersOf(credential: string): string[] {
    return [...this.#inForce.files].flatMap(([path, text]) => {
      const result = this.#reader.read(path, text);
      const secrets = 'file' in result ? result.file.secrets : [];
      return secrets.some(({names}) => names.includes(credential)) ? [path] : [];
    });
  }

  #consider(offer: Offer): Step {
    const {origin, expectedRevision, keepsOthers, isStrict, author, message, commit} = offer;
    const files = keepsOthers ? new Map([...this.#inForce.files, ...offer.files]) : offer.files;
    this.#demandAuthority(origin);
    if (expectedRevision !== undefined && expectedRevision !== this.#state.inForce)
      throw this.#conflict(expectedRevision);
    const {pin, head} = this.#state;
    const before = pin ? this.filesOf(head) : this.#inForce.files;
    const parts = {credentials: this.#parts.identities.credentialNames(), read: this.#reader.read};
    const composed = isStrict ? composeStrict(files, parts) : composeLenient(files, before, parts);
    const {problems} = composed;
    if (offer.keepsAccess) this.#demandAccessOf(composed.site);
    const isSame = isSameFiles(composed.files, before);
    const number = isSame ? head : this.#nextNumber();
    const at = this.#parts.clock.now();
    const added = isSame ? undefined : {author, at, message, origin, commit, files: composed.files};
    if (pin) return {...this.#step(this.#inForce, {state: {...this.#state, head: number}, added}), problems};
    const state = {inForce: number, head: number, pin, problems};
    return this.#step({...composed, unread: [], revision: this.#inForce.revision}, {state, added, isNew: !isSame});
  }

  #step(
    {revision, files, site, unread}: InForce,
    {state, added, isNew = false}: Pick<Step, 'state'> & Partial<Pick<Step, 'added' | 'isNew'>>,
  ): Step {
    const manifests = this.#parts.manifests.plan(site, {revision: state.inForce, problems: state.problems, unread});
    const problems = [...state.problems, ...manifests.problems];
    const diff = filesDiff(this.#inForce.files, files);
    return {revision, files, site, unread, state, added, isNew, manifests, problems, diff};
  }

  async #take({state, added, manifests, revision, files, site, unread}: Step): Promise<void> {
    const {store, log, sealing} = this.#parts;
    const neededFrom = Math.min(state.inForce, state.head);
    const stored = await store.write(txn => {
      const stored = added && addRevision(txn, added, {sealing, neededFrom});
      this.#parts.manifests.store(txn, manifests);
      txn.putRecord('desired', stateKey, state);
      return stored;
    });
    this.#state = state;
    this.#inForce = {files, site, unread, revision: stored?.number === state.inForce ? stored : revision};
    this.#parts.manifests.adopt(manifests);
    const changed = manifests.changed.map(({kind, id}) => `${kind} ${id}`);
    if (stored) {
      const {number, author, origin} = stored;
      log.info({revision: number, author, origin, inForce: state.inForce, changed}, 'a revision is stored');
    } else if (changed.length > 0) log.info({changed}, 'manifests have changed');
    for (const {message} of manifests.problems) log.warn({problem: message}, 'a node has not what it should have');
  }

  #load(number: number): InForce {
    const files = this.#parts.store.read(txn => filesOf(txn, number, this.#parts.sealing));
    const revision = number === 0 ? undefined : this.revision(number);
    return {revision, files, ...composeAgain(files, this.#reader.read)};
  }

  #nextNumber(): number {
    return (this.#parts.store.read(newestRevision)?.number ?? 0) + 1;
  }

  #demandAuthority(origin: Offer['origin']): void {
    if (origin === 'git') return;
    if (this.#parts.hasGit) {
      throw new FustorError('NOT_THE_AUTHORITY', 'The desired state comes from Git, and is changed there.', {
        hint: 'Commit the change, push it, and "fustorctl sync". "fustorctl rollback" works in any case.',
      });
    }
    if (!this.#state.pin) return;
    const {revision, by} = this.#state.pin;
    throw new FustorError('NOT_THE_AUTHORITY', `The revision ${revision} is pinned, by a rollback of ${by}.`, {
      hint: 'Run "fustorctl release" first.',
    });
  }

  /** Throws FORBIDDEN when who may do what is not as it is in force. */
  #demandAccessOf(site: Site): void {
    const changes = accessChanges(this.#inForce.site, site);
    if (changes.length === 0) return;
    throw new FustorError(
      'FORBIDDEN',
      `This changes who may do what (${changes.slice(0, changesShown).join(', ')}), which needs a key of the role admin.`,
      {hint: 'Nothing was changed. Leave "keys" and "users" as they are in force, or have an administrator do it.'},
    );
  }

  #conflict(expected: number): FustorError {
    const {inForce} = this.#state;
    const {author = 'nobody', message = '', at = 0} = this.#inForce.revision ?? {};
    const isKnown = this.#parts.store.read(txn => isKept(txn, expected));
    return new FustorError(
      'REVISION_CONFLICT',
      `The change was made from revision ${expected}; revision ${inForce} of ${author} is in force.`,
      {
        hint: 'Nothing was changed. Make the change again from what is in force.',
        details: {
          revision: inForce,
          author,
          message,
          at: new Date(at).toISOString(),
          diff: isKnown ? filesDiff(this.filesOf(expected), this.#inForce.files) : '',
        },
      },
    );
  }

  #next<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change).finally(() => this.#reader.forgetOthers(this.#inForce.files));
    this.#last = result.catch(() => {});
    return result;
  }
}

function outcomeOf({state, isNew, problems, manifests, diff}: Step): ChangeOutcome {
  return {revision: state.inForce, isNew, problems, changed: manifests.changed, diff};
}
