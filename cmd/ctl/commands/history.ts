import {columnTable} from '../columns.ts';
import {isObject} from '../exact-json.ts';
import {kinds} from '../kinds.ts';
import {diffText} from '../output/diff-text.ts';
import {jsonDocument} from '../output/json.ts';
import {readAll} from '../read-kind.ts';
import type {Verb, VerbCall} from '../verb.ts';
import {wholeNumberFrom} from '../whole-number.ts';

type Flags = {diff?: number; from?: number; limit?: number};

export const history: Verb<Flags> = {
  name: 'history',
  summary:
    'List the revisions of the desired state, newest first: who made them, when and why; or show what one changed.',
  declare: command =>
    command
      .option('--diff <revision>', 'what this one changed, as a unified diff', wholeNumberFrom(0))
      .option('--from <revision>', 'with --diff: since that one, not the one before', wholeNumberFrom(0))
      .option('--limit <n>', 'at most so many', wholeNumberFrom(1)),
  completes: ['nothing'],
  nameOf: ({revision}) => `revision/${revision}`,

  run: async call => {
    const {control, flags, form, isJson, io} = call;
    if (flags.diff !== undefined) return showDiff(call, flags.diff);
    const data = await readAll(control, kinds.revisions, flags.limit);
    const {columns, wide} = kinds.revisions;
    await io.write(
      isJson ? jsonDocument({data}) : columnTable(data, form === 'wide' ? [...columns, ...wide] : columns),
    );
    if (!isJson && data.length === 0) io.notice('There is no revision yet.');
    return 0;
  },
};

async function showDiff({control, flags, isJson, io}: VerbCall<Flags>, revision: number): Promise<number> {
  const {data} = await control.get(`revisions/${revision}/diff`, {from: flags.from});
  const text = isObject(data) && typeof data.diff === 'string' ? data.diff : '';
  await io.write(isJson ? jsonDocument({data}) : diffText(text, io));
  return 0;
}
