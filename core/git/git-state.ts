import type {FileProblem, OfferOutcome} from '../control/desired-state.ts';

/** How the desired state follows Git, as `GET /api/v1/desired` tells it. Times are the controller's. */
export type GitState = {
  /** Without credentials. */
  url: string;
  branch: string;
  /** The commit that was accepted last; null before the first. */
  commit: string | null;
  /** The newest commit of the branch as it was seen last. */
  head: string | null;
  /** When Git was asked last; null before the first answer. */
  checked_at: string | null;
  /** `failing`: something of what is in Git, or all of it, is not in force. What was last good is. */
  state: 'ok' | 'failing';
  /** Why, in one sentence or more. */
  reason: string | null;
  /** In this state since. */
  since: string;
  /** When Git is asked next; null while it is asked. */
  next_at: string | null;
  /** Files of `commit` that are not used. */
  problems: FileProblem[];
};

export type GitSyncOutcome = OfferOutcome & {commit: string};
