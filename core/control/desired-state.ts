import type {NodeKind} from './protocol.ts';

/**
 * The seam between where the desired state comes from (Git, the API) and what is done with it.
 *
 * The desired state is a set of YAML files, by path (`/` between folders, no leading one, ending in `.yaml` or `.yml`). Each
 * change makes a revision with a number that grows by one.
 *
 * - A file with the section `agent` is the full configuration of one agent: its `sources`, `senders` and `pipes` are its own.
 * - All other files together are the site: `datastores`, `views`, `sources`, `senders`, `pipes`, `agents`, `fusions`, `keys`,
 *   `users`, `policies`, each name defined once. An agent's file may name what the site defines.
 */
export type SiteFiles = ReadonlyMap<string, string>;

/** `seed`: one agent's configuration, by `POST /api/v1/control/configs/{agent_id}`. */
export type RevisionOrigin = 'git' | 'api' | 'seed' | 'rollback';

export type Offer = {
  files: SiteFiles;
  /** Files that are not among these stay as they are; otherwise they go. */
  keepsOthers?: boolean;
  origin: RevisionOrigin;
  /** Who: the name of a key, or of a commit's author. */
  author: string;
  /** Why. */
  message: string;
  /** Of Git. */
  commit?: string | undefined;
  /** The revision that the change was made from; another one in force is REVISION_CONFLICT. */
  expectedRevision?: number | undefined;
  /**
   * True: one mistake, and nothing is stored (CONFIG_INVALID with all of them). False: a file with a mistake stays as it was
   * last good, the others count; nothing is stored only when even so the whole makes no sense.
   */
  isStrict: boolean;
  /** Who offers it may not say who may do what: other `keys` or `users` than those in force are FORBIDDEN. */
  keepsAccess?: boolean;
};

/** A file, and what it should have been. `message` has file, line and column. */
export type FileProblem = {file: string; message: string};

export type OfferOutcome = {
  /** In force from now on, or since before. */
  revision: number;
  /** False: the files are those of the revision in force, or a pin keeps another one. */
  isNew: boolean;
  problems: FileProblem[];
  /** Nodes whose manifest has changed. */
  changed: {kind: NodeKind; id: string}[];
};

export interface DesiredState {
  /** Throws CONFIG_INVALID, REVISION_CONFLICT, FORBIDDEN, STORE_FULL. */
  offer(offer: Offer): Promise<OfferOutcome>;
  /** The revision in force: its number, and its files as they count. Revision 0 has none. */
  current(): {revision: number; files: SiteFiles; commit: string | undefined};
  /** Set by a rollback: while it is, offers from Git are stored as revisions and do not come into force. */
  pin(): {revision: number; by: string; at: number} | undefined;
}
