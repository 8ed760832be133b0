import {FustorError} from '../../../core/errors/fustor-error.ts';
import {outcomeOf, readCurrent} from '../desired-state.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';
import {wholeNumberFrom} from '../whole-number.ts';
import {appliedText} from './apply.ts';

/** The revision that it makes stays in force until `release`, whatever Git says meanwhile. */
export const rollback: Verb<{message?: string}> = {
  name: 'rollback',
  summary:
    'Bring an earlier revision back into force and keep it so until "release"; without a number, the one before.',
  declare: command =>
    command.argument('[revision]', 'its number', revisionNumber).option('-m, --message <text>', 'why'),
  completes: [{kind: 'revisions'}, 'nothing'],
  nameOf: ({revision}) => `revision/${revision}`,

  run: async ({argument, control, flags, isJson, io}) => {
    const revision = argument === undefined ? await before(control) : revisionNumber(argument);
    const {data} = await control.post('rollback', {revision, ...flags});
    await io.write(isJson ? jsonDocument({data}) : appliedText(outcomeOf(data)));
    if (!isJson) io.notice('It is pinned: "fustorctl release" lets newer revisions come into force again.');
    return 0;
  },
};

/** `revision/3` too, as `-o name` prints it. */
function revisionNumber(text: string): number {
  return wholeNumberFrom(1)(text.replace(/^revision\//, ''));
}

async function before(control: Parameters<typeof readCurrent>[0]): Promise<number> {
  const {revision} = await readCurrent(control);
  if (revision > 1) return revision - 1;
  throw new FustorError('NOT_FOUND', `There is no revision before ${revision}.`);
}
