import {FustorError} from '../../../core/errors/fustor-error.ts';
import {AnswerError} from '../answer-error.ts';
import type {Client} from '../client.ts';
import {isObject, type Json, type JsonObject} from '../exact-json.ts';
import {type Kind, type KindName, kindNames, kinds} from '../kinds.ts';
import {type Description, describePage} from '../output/describe-page.ts';
import {jsonDocument} from '../output/json.ts';
import {kindArgument, readOne} from '../read-kind.ts';
import type {Verb} from '../verb.ts';

export const describe: Verb<object> = {
  name: 'describe',
  summary:
    'Show one page about one thing: what it should be and is, its last failure and words, and what to type next.',
  declare: command =>
    command
      .argument('<kind>', `one of ${kindNames.join(', ')}; KIND/NAME means the same as KIND NAME`)
      .argument('[name]', 'which; of a pipe AGENT/PIPE'),
  completes: [kindNames, 'name of kind', 'nothing'],
  nameOf: ({kind, name}) => `${kind}/${name}`,

  run: async ({args, control, isJson, io}) => {
    const {kindName, kind, name} = kindArgument(args);
    if (name === undefined) throw new FustorError('USAGE', `Which ${kind.singular}? Give its name.`);
    const found = await describeOne(control, {kindName, kind, name});
    await io.write(isJson ? jsonDocument({data: found}) : describePage(found));
    return 0;
  },
};

type Subject = {kindName: KindName; kind: Kind; name: string};

async function describeOne(control: Client, {kindName, kind, name}: Subject): Promise<Description> {
  const isOnlyDesired = kind.path.startsWith('registry/');
  const [actual, desired, problems] = await Promise.all([
    isOnlyDesired ? undefined : readActual(control, {kindName, kind, name}).catch(onlyMissing),
    isOnlyDesired || kind.isDesired ? readDesired(control, kindName, name) : undefined,
    readProblems(control, `${kind.singular}/${name}`, kindName === 'agents' ? `pipe/${name}/` : undefined),
  ]);
  // Neither: whoever was asked says it best.
  if (actual === undefined && desired === undefined) await readOne(control, kind, name);
  return {kind: kind.singular, name, desired: desired ?? null, actual: actual ?? null, problems};
}

/** Of a pipe also what its process wrote before it died, which its agent tells. */
async function readActual(control: Client, {kindName, kind, name}: Subject): Promise<JsonObject> {
  const actual = await readOne(control, kind, name);
  if (kindName !== 'pipes') return actual;
  const {parts} = (await readOne(control, kinds.agents, String(actual.agent)).catch(onlyMissing)) ?? {};
  const part = Array.isArray(parts) ? parts.filter(isObject).find(({pipe}) => pipe === actual.pipe) : undefined;
  return {...actual, ...(part && {last_death: part.last_death ?? null})};
}

/** A pipe stands in the desired state by its own name: in the file of its agent, or else in those of the site. */
async function readDesired(control: Client, kindName: KindName, name: string): Promise<JsonObject | undefined> {
  const answer = await control.get(`registry/${kindName}`).catch(onlyMissing);
  const rows = answer && Array.isArray(answer.data) ? answer.data.filter(isObject) : [];
  const [agent, pipe] = kindName === 'pipes' ? name.split('/') : [undefined, name];
  const named = rows.filter(row => row.name === pipe);
  if (kindName !== 'pipes') return named[0];
  return named.find(row => row.agent === agent) ?? named.find(row => row.agent === undefined);
}

async function readProblems(control: Client, subject: string, below: string | undefined): Promise<JsonObject[]> {
  const answer = await control.get('problems').catch(onlyMissing);
  const all: Json[] = answer && Array.isArray(answer.data) ? answer.data : [];
  return all.filter(isObject).filter(({subject: about}) => {
    const text = String(about);
    return text === subject || text.startsWith(`${subject}/`) || (below !== undefined && text.startsWith(below));
  });
}

function onlyMissing(error: unknown): undefined {
  const isMissing = error instanceof AnswerError ? error.status === 404 : isNotFound(error);
  if (!isMissing) throw error;
}

function isNotFound(error: unknown): boolean {
  return error instanceof FustorError && error.code === 'NOT_FOUND';
}
