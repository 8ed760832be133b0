import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Client} from '../client.ts';
import {outcomeOf} from '../desired-state.ts';
import {isObject} from '../exact-json.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';
import {wholeNumberFrom} from '../whole-number.ts';
import {appliedText} from './apply.ts';

/** The revision that it makes stays in force until `release`, whatever Git says meanwhile. */
export const rollback: Verb<{message?: string}> = {
  name: 'rollback',
  summary:
    'Bring an earlier revision back into force and keep it so until "release"; without a number, the one before, unless a rollback is in force.',
  declare: command =>
    command.argument('[revision]', 'its number', revisionNumber).option('-m, --message <text>', 'why'),
  completes: [{kind: 'revisions'}, 'nothing'],
  nameOf: ({revision}) => `revision/${revision}`,

  run: async ({argument, control, flags, isJson, io}) => {
    const revision = argument === undefined ? await before(control) : revisionNumber(argument);
    const {data} = await control.post('rollback', {revision, ...flags});
    await io.write(isJson ? jsonDocument({data}) : `Back to revision ${revision}.\n${appliedText(outcomeOf(data))}`);
    if (!isJson) io.notice('It is pinned: "fustorctl release" lets newer revisions come into force again.');
    return 0;
  },
};

/** `revision/3` too, as `-o name` prints it. */
function revisionNumber(text: string): number {
  return wholeNumberFrom(1)(text.replace(/^revision\//, ''));
}

/** After a rollback the one before is what was rolled back: whoever asks a second time wants to go further back, or is mistaken. */
async function before(control: Client): Promise<number> {
  const {data} = await control.get('revisions/current');
  const {revision, origin, message} = isObject(data) ? data : {};
  if (origin === 'rollback') {
    throw new FustorError('USAGE', `Revision ${revision} is a rollback already ("${message}").`, {
      hint: 'Name the revision that is to come back: "fustorctl history" lists them.',
    });
  }
  if (Number(revision) > 1) return Number(revision) - 1;
  throw new FustorError('NOT_FOUND', `There is no revision before ${revision}.`);
}
