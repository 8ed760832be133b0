import {type ControlStore, numberKey} from '../control/control-store.ts';

/**
 * What an administrator did, or tried. In the table `audit`, by number; the newest are kept. It holds no secrets: whoever
 * makes one tells what it is about, never what was sent.
 */
export type AuditRecord = {
  at: number;
  /** Name of the key. */
  who: string;
  user: string | undefined;
  /** Of the network; undefined when it is not known. */
  address: string | undefined;
  /** For example `key.create`. */
  action: string;
  /** What it was done to. */
  subject: string | undefined;
  outcome: 'done' | 'refused' | 'failed';
  /** Of the error. */
  code: string | undefined;
  details: Record<string, unknown> | undefined;
};

/** What a route tells of what it does. `by`: who, where no key says it. */
export type AuditFacts = {action: string; subject?: string; details?: Record<string, unknown>; by?: string};

const recordsMax = 100_000;

export class AuditLog {
  readonly #store: ControlStore;
  readonly #recordsMax: number;

  constructor({store, keep = recordsMax}: {store: ControlStore; keep?: number}) {
    this.#store = store;
    this.#recordsMax = keep;
  }

  async add(record: AuditRecord): Promise<void> {
    await this.#store.write(txn => {
      const [last] = txn.records('audit', {isBackwards: true, limit: 1});
      const number = last ? Number(last.key) + 1 : 1;
      txn.putRecord('audit', numberKey(number), record);
      if (number > this.#recordsMax) txn.removeRecord('audit', numberKey(number - this.#recordsMax));
    });
  }

  /** The newest first; `cursor` is the number of the last one that was told. */
  page({limit, cursor}: {limit: number; cursor?: number | undefined}) {
    const after = cursor === undefined ? undefined : numberKey(cursor);
    const found = this.#store.read(txn =>
      txn.records<AuditRecord>('audit', {isBackwards: true, limit: limit + 1, ...(after !== undefined && {after})}),
    );
    const page = found.slice(0, limit);
    return {
      records: page.map(({key, value}) => ({number: Number(key), ...answer(value)})),
      nextCursor: found.length > limit ? Number(page.at(-1)!.key) : undefined,
    };
  }
}

function answer({at, user, address, subject, code, details, ...rest}: AuditRecord) {
  return {
    at: new Date(at).toISOString(),
    ...rest,
    user: user ?? null,
    address: address ?? null,
    subject: subject ?? null,
    code: code ?? null,
    ...(details && {details}),
  };
}
