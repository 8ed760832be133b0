import type {FileProblem, SiteFiles} from '../control/desired-state.ts';

/**
 * One branch of a Git repository, and what of it was accepted. Asked for one thing at a time. Everything rejects with
 * GIT_FAILED, with what Git says, and when `signal` aborts.
 */
export interface GitRepository {
  /** Fetches the branch; resolves to its newest commit. */
  fetch(signal: AbortSignal): Promise<string>;
  /** What `accept` was told last, also before a restart; undefined after the copy of the repository was lost. */
  accepted(signal: AbortSignal): Promise<string | undefined>;
  accept(commit: string, signal: AbortSignal): Promise<void>;
  /** Whether `ancestor` is in the history of `commit`, or is that. */
  descends(commit: string, ancestor: string, signal: AbortSignal): Promise<boolean>;
  /** Rejects when the commit is not well signed. */
  verify(commit: string, signal: AbortSignal): Promise<void>;
  read(commit: string, signal: AbortSignal): Promise<CommitContent>;
}

export type CommitContent = {
  author: string;
  message: string;
  /** Those that can be read, by their path inside the folder that counts. */
  files: SiteFiles;
  /** What cannot be read as a file of YAML text. */
  problems: FileProblem[];
};
