/**
 * - `error`: something does not do what it is there for
 * - `warning`: it still does, and will not for ever, or not as well as it should
 * - `notice`: worth knowing, and perhaps meant
 */
export const severities = ['error', 'warning', 'notice'] as const;
export type Severity = (typeof severities)[number];

/** What can be wrong. Each is a rule of `*-rules.ts`. */
export const problemKinds = [
  // of a node
  ...(['silent', 'never_seen', 'never_configured', 'manifest_failed', 'config_refused'] as const),
  ...(['config_not_taken', 'cloned', 'certificate_ending', 'version_skew'] as const),
  // of a pipe, or of another part
  ...(['missing', 'quarantined', 'crashing', 'stalled', 'source_unavailable', 'not_connected'] as const),
  ...(['config_failed', 'config_rolled_back', 'config_pending'] as const),
  // of a view
  ...(['not_served', 'unreadable', 'stale', 'empty', 'coverage', 'rejected'] as const),
  // of the site
  ...(['git_failing', 'pinned', 'store_trouble'] as const),
] as const;
export type ProblemKind = (typeof problemKinds)[number];

/** Something that is not as it should be, as one look at the facts tells. */
export type Condition = {
  kind: ProblemKind;
  /** `agent/node-a`, `pipe/node-a/research`, `fusion/main`, `fusion/main/engine-research`, `view/research`, `git`, … */
  subject: string;
  severity: Severity;
  /** One sentence. */
  problem: string;
  /** The command to type next. */
  next: string;
  /** Only those may hear of it who may see this view. */
  view?: string | undefined;
  /** Where the facts themselves say it; else it is when this was noticed first. */
  since?: number;
  /** Another mark is another condition: it begins anew. */
  mark?: string;
  /** It is a problem only when it has lasted so long. */
  patienceMs?: number;
  /** And only so long: it stays true, and nobody need act on it any more. */
  toldForMs?: number;
};
