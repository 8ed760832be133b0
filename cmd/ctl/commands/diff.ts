import {outcomeOf} from '../desired-state.ts';
import {diffText} from '../output/diff-text.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';
import {declareFiles, type FileFlags, givenFiles} from './file-flags.ts';

/** Exit code 0 when files and desired state are the same, 1 when they differ. */
export const diff: Verb<FileFlags> = {
  name: 'diff',
  summary: 'Show how the desired state would change by "apply", as a unified diff. Exit code 1 when it would.',
  declare: command => declareFiles(command),
  completes: ['nothing'],
  nameOf: ({kind, id}) => `${kind}/${id}`,

  run: async call => {
    const {control, isJson, io} = call;
    const {data} = await control.post('apply', {...(await givenFiles(call)), dry_run: true});
    const outcome = outcomeOf(data);
    await io.write(isJson ? jsonDocument({data}) : diffText(outcome.diff, io));
    return outcome.isNew ? 1 : 0;
  },
};
