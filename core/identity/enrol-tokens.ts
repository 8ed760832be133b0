import type {ControlRead, ControlStore} from '../control/control-store.ts';
import type {NodeKind} from '../control/protocol.ts';
import {FustorError} from '../errors/fustor-error.ts';
import type {Clock} from '../time/clock.ts';
import {newToken, tokenHash} from './tokens.ts';

/** In the table `enrolTokens`, by the SHA-256 of the token. */
export type StoredEnrolToken = {
  id: string;
  role: NodeKind;
  /** Only this node may enrol with it. */
  node: string | undefined;
  /** Also where another node key has the identity. */
  replaces: boolean;
  uses: number;
  usesLeft: number;
  createdAt: number;
  createdBy: string;
  expiresAt: number;
};

export type NewEnrolToken = {
  role: NodeKind;
  ttlMs: number;
  uses: number;
  node?: string | undefined;
  replaces?: boolean;
  by: string;
};

export type EnrolTokenAnswer = ReturnType<typeof answer>;

/** Those that are over stay in the list for so long. */
const keptMs = 7 * 86_400_000;

/** What new nodes enrol with. */
export class EnrolTokens {
  readonly #store: ControlStore;
  readonly #clock: Clock;
  readonly #randomId: () => string;

  constructor({store, clock, randomId}: {store: ControlStore; clock: Clock; randomId: () => string}) {
    this.#store = store;
    this.#clock = clock;
    this.#randomId = randomId;
  }

  /** `token` is told here and never again. */
  async create({role, ttlMs, uses, node, replaces = false, by}: NewEnrolToken) {
    const token = newToken('enrol');
    const createdAt = this.#clock.now();
    const stored: StoredEnrolToken = {
      ...{id: this.#randomId(), role, node, replaces, uses, usesLeft: uses},
      ...{createdAt, createdBy: by, expiresAt: createdAt + ttlMs},
    };
    await this.#store.write(txn => {
      for (const {key, value} of txn.records<StoredEnrolToken>('enrolTokens'))
        if (value.expiresAt + keptMs < createdAt) txn.removeRecord('enrolTokens', key);
      txn.putRecord('enrolTokens', tokenHash(token), stored);
    });
    return {...answer(stored, createdAt), token};
  }

  /** The oldest first. */
  list(): EnrolTokenAnswer[] {
    const nowMs = this.#clock.now();
    return this.#store
      .read(txn => txn.records<StoredEnrolToken>('enrolTokens'))
      .map(({value}) => value)
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
      .map(value => answer(value, nowMs));
  }

  /** Nobody enrols with it from now on; who has, stays. Throws NOT_FOUND. */
  async revoke(id: string): Promise<void> {
    await this.#store.write(txn => {
      const found = txn.records<StoredEnrolToken>('enrolTokens').find(({value}) => value.id === id);
      if (!found) throw new FustorError('NOT_FOUND', `There is no enrolment token "${id}".`);
      txn.removeRecord('enrolTokens', found.key);
    });
  }
}

/**
 * The token with this hash, as far as a node of this name may use it; whether it has uses left is for its user to see. Throws
 * UNAUTHENTICATED or FORBIDDEN.
 */
export function usableEnrolToken(
  txn: ControlRead,
  {sha256, kind, id, nowMs}: {sha256: string; kind: NodeKind; id: string; nowMs: number},
): StoredEnrolToken {
  const token = txn.record<StoredEnrolToken>('enrolTokens', sha256);
  const hint = 'Make a new one ("fustorctl enroll-token create") and give it to this node.';
  if (!token) throw new FustorError('UNAUTHENTICATED', 'The enrolment token is not known here.', {hint});
  if (token.expiresAt <= nowMs) {
    const at = new Date(token.expiresAt).toISOString();
    throw new FustorError('UNAUTHENTICATED', `The enrolment token ${token.id} expired at ${at}.`, {hint});
  }
  if (token.role !== kind || (token.node ?? id) !== id) {
    const whose =
      token.node === undefined ? `for nodes of the kind ${token.role}` : `for the ${token.role} ${token.node}`;
    throw new FustorError('FORBIDDEN', `The enrolment token ${token.id} is ${whose}, not for the ${kind} ${id}.`, {
      hint,
    });
  }
  return token;
}

function answer(token: StoredEnrolToken, nowMs: number) {
  const {id, role, node, replaces, uses, usesLeft, createdAt, createdBy, expiresAt} = token;
  const state = expiresAt <= nowMs ? 'expired' : usesLeft === 0 ? 'used_up' : 'usable';
  return {
    id,
    role,
    node: node ?? null,
    replace: replaces,
    state: state as 'expired' | 'used_up' | 'usable',
    uses,
    uses_left: usesLeft,
    created_at: new Date(createdAt).toISOString(),
    created_by: createdBy,
    expires_at: new Date(expiresAt).toISOString(),
  };
}
