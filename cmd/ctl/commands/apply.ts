import {type Outcome, outcomeOf} from '../desired-state.ts';
import {diffText} from '../output/diff-text.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';
import {wholeNumberFrom} from '../whole-number.ts';
import {declareFiles, type FileFlags, givenFiles} from './file-flags.ts';

type Flags = FileFlags & {message?: string; dryRun?: boolean; expectRevision?: number};

/** Exit code 2 for a mistake in the files, 5 when somebody else was faster than `--expect-revision`. */
export const apply: Verb<Flags> = {
  name: 'apply',
  summary: 'Make files the desired state, as a new revision. All or nothing: with one mistake nothing is sent.',
  declare: command =>
    declareFiles(command)
      .option('-m, --message <text>', 'why')
      .option('--dry-run', 'only show what would change, on which nodes')
      .option('--expect-revision <n>', 'only when this revision is still in force', wholeNumberFrom(0)),
  completes: ['nothing'],
  nameOf: ({revision}) => `revision/${revision}`,

  run: async call => {
    const {control, flags, isJson, io} = call;
    const {files, prune} = await givenFiles(call);
    const {data} = await control.post('apply', {
      files,
      prune,
      ...(flags.message !== undefined && {message: flags.message}),
      ...(flags.expectRevision !== undefined && {expected_revision: flags.expectRevision}),
      ...(flags.dryRun && {dry_run: true}),
    });
    const outcome = outcomeOf(data);
    if (isJson) await io.write(jsonDocument({data}));
    else if (flags.dryRun) await io.write(`${diffText(outcome.diff, io)}${dryText(outcome)}`);
    else await io.write(appliedText(outcome));
    return 0;
  },
};

/** What a change has done, in a line for each. */
export function appliedText({revision, isNew, changed}: Outcome): string {
  if (!isNew) return `Nothing has changed: revision ${revision} is in force.\n`;
  return `Revision ${revision} is in force.\n${changedText(changed)}`;
}

function dryText({isNew, changed}: Outcome): string {
  return isNew ? `Nothing was stored.\n${changedText(changed)}` : 'Nothing would change.\n';
}

function changedText(changed: string[]): string {
  return changed.length === 0 ? 'No node has another configuration by it.\n' : `Changed for ${changed.join(', ')}.\n`;
}
