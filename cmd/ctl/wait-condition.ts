import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Client} from './client.ts';
import {isObject, type JsonObject} from './exact-json.ts';
import {cell} from './output/table.ts';
import {readRows} from './site-status.ts';
import {viewPath} from './view-path.ts';

/**
 * What is still missing, a sentence each. `isHopeless`: waiting does not help. `notBeforeMs`: it cannot be so any earlier. `facts`:
 * for programs.
 */
export type Found = {missing: string[]; isHopeless: boolean; notBeforeMs?: number; facts?: JsonObject};

type Asked = {client: Client; control: Client; view: string | undefined};
/** `kind/name`, as it stands on the command line. */
type Subject = {kind: string; name: string} | undefined;

/** How to look whether a condition is met. Throws USAGE. */
export function readCondition(condition: string, about: string | undefined, asked: Asked): () => Promise<Found> {
  const subject = readSubject(about);
  const equals = condition.indexOf('=');
  const [word, value] = equals === -1 ? [condition] : [condition.slice(0, equals), condition.slice(equals + 1)];
  const rule = Object.hasOwn(rules, word!) ? rules[word!] : undefined;
  if (!rule) throw usage(`"${condition}" is nothing to wait for.`);
  if (rule.needsValue !== (value !== undefined && value !== '')) {
    throw usage(rule.needsValue ? `"${word}" needs a value: ${word}=ID.` : `"${word}" has no value.`);
  }
  if (rule.needsSubject && !subject) throw usage(`"${word}" needs a kind and a name: ${rule.kinds[0]}/NAME.`);
  if (subject && !rule.kinds.includes(subject.kind)) {
    throw usage(
      `"${word}" is nothing that ${subject.kind}/${subject.name} can be; it is for ${rule.kinds.join(', ') || 'no kind'}.`,
    );
  }
  return async () => {
    const missing = await rule.look(asked, subject, value ?? '');
    return Array.isArray(missing) ? {missing, isHopeless: false} : missing;
  };
}

function readSubject(about: string | undefined): Subject {
  if (about === undefined) return undefined;
  const [, kind, name] = /^([a-z]+)\/(.+)$/.exec(about) ?? [];
  if (kind === undefined) throw usage(`"${about}" is not KIND/NAME.`);
  // "agents/node-a" is as good as "agent/node-a".
  return {kind: kind.replace(/s$/, ''), name: name!};
}

function usage(message: string): FustorError {
  return new FustorError('USAGE', message, {hint: 'Run "fustorctl wait --help".'});
}

type Rule = {
  kinds: readonly string[];
  needsSubject?: boolean;
  needsValue: boolean;
  look(asked: Asked, subject: Subject, value: string): Promise<string[] | Found>;
};

const nodeKinds = ['agent', 'fusion'] as const;

const rules: Record<string, Rule> = {
  applied: {kinds: [...nodeKinds, 'pipe', 'revision'], needsValue: false, look: applied},
  online: {kinds: nodeKinds, needsValue: false, look: online},
  complete: {kinds: ['view'], needsValue: false, look: complete},
  job: {kinds: [], needsValue: true, look: (asked, _, id) => jobEnded(asked, id)},
  deleted: {kinds: [...nodeKinds, 'pipe', 'view'], needsSubject: true, needsValue: false, look: deleted},
};

async function applied({control}: Asked, subject: Subject): Promise<string[]> {
  if (subject?.kind === 'pipe') {
    return (await named(control, 'pipe', subject)).flatMap(row => {
      const isApplied = row.state === 'running' && (row.apply === 'applied' || row.apply === null);
      return isApplied ? [] : [`${nameOf('pipe', row)} is ${cell('state', row.state)}, ${cell('apply', row.apply)}`];
    });
  }
  const older = subject?.kind === 'revision' ? await notInForce(control, Number(subject.name)) : [];
  const kinds = subject && subject.kind !== 'revision' ? [subject.kind] : nodeKinds;
  const nodes = await Promise.all(
    kinds.map(async kind => (await named(control, kind, subject)).map(row => ({kind, row}))),
  );
  return [
    ...older,
    ...nodes.flat().flatMap(({kind, row}) => {
      const apply = isObject(row.apply) ? row.apply : {};
      if (apply.state === 'applied' || apply.state === 'unmanaged') return [];
      const reason = typeof apply.reason === 'string' ? `: ${cell('reason', apply.reason)}` : '';
      return [`${kind}/${row.id} is ${cell('state', row.state)}, ${cell('apply', apply.state)}${reason}`];
    }),
  ];
}

async function notInForce(control: Client, wanted: number): Promise<string[]> {
  const {data} = await control.get('desired');
  const known = isObject(data) && isObject(data.revision) ? data.revision.revision : undefined;
  const revision = Number(known ?? 0);
  return revision >= wanted ? [] : [`revision ${revision} is in force, not ${wanted}`];
}

async function online({control}: Asked, subject: Subject): Promise<string[]> {
  const kinds = subject ? [subject.kind] : nodeKinds;
  const rows = await Promise.all(
    kinds.map(async kind => (await named(control, kind, subject)).map(row => ({kind, row}))),
  );
  return rows
    .flat()
    .flatMap(({kind, row}) => (row.state === 'online' ? [] : [`${kind}/${row.id} is ${cell('state', row.state)}`]));
}

/** As the fusion tells it, or where none is asked, as the controller heard last. */
async function complete({client, control, view}: Asked, subject: Subject): Promise<string[]> {
  const wanted = subject?.name ?? view;
  const list = await readRows(client, 'views');
  const names = wanted === undefined ? list?.map(({name}) => String(name)) : list && [wanted];
  if (names) {
    if (names.length === 0) return [noView];
    const incomplete = await Promise.all(names.map(async name => ({name, isComplete: await isComplete(client, name)})));
    return incomplete.flatMap(one => (one.isComplete ? [] : [`view/${one.name} is not complete`]));
  }
  const rows = await named(control, 'view', wanted === undefined ? undefined : {kind: 'view', name: wanted});
  if (rows.length === 0) return [noView];
  return rows.flatMap(row => (row.complete === true ? [] : [`${nameOf('view', row)} is not complete`]));
}

/** Nothing has been seen, so not everything has. */
const noView = 'there is no view, or none that this key may see';

async function isComplete(client: Client, view: string): Promise<boolean> {
  const {meta} = await client.get(viewPath(view, 'status'));
  return isObject(meta) && meta.complete === true;
}

async function jobEnded({client, view}: Asked, id: string): Promise<Found> {
  const {data} = await client.get(viewPath(view, `jobs/${encodeURIComponent(id)}`));
  const job = isObject(data) ? data : {};
  if (job.state === 'done') return {missing: [], isHopeless: false};
  const reason = typeof job.reason === 'string' ? `: ${cell('reason', job.reason)}` : '';
  return {missing: [`the job ${id} is ${cell('state', job.state)}${reason}`], isHopeless: job.state === 'failed'};
}

/** No configuration names it any more, and nothing of it runs. */
async function deleted({control}: Asked, subject: Subject): Promise<string[]> {
  const {kind, name} = subject!;
  return (await listed(control, kind))
    .filter(row => nameOf(kind, row) === `${kind}/${name}` && (row.wanted === true || isThere(row)))
    .map(row => `${kind}/${name} is ${row.wanted === true ? 'configured' : cell('state', row.state)}`);
}

/** A node that was taken away is still known, and silent; so is what it had. */
function isThere({state}: JsonObject): boolean {
  return state !== 'silent' && state !== 'never_seen';
}

const lists: Record<string, string> = {agent: 'agents', fusion: 'fusions', pipe: 'pipes', view: 'control/views'};

/** Throws UNREACHABLE where no controller is: what nobody tells of is not known to be gone. */
async function listed(control: Client, kind: string): Promise<JsonObject[]> {
  const rows = await readRows(control, lists[kind]!);
  if (rows) return rows;
  throw new FustorError('UNREACHABLE', 'There is no controller at this address.', {
    hint: 'Name it with --controller, FUSTOR_CONTROLLER or a context.',
  });
}

/** The rows of a kind, or the one; what is not there is not there yet. */
async function named(control: Client, kind: string, subject: Subject): Promise<JsonObject[]> {
  const rows = await listed(control, kind);
  if (!subject || subject.kind !== kind)
    return rows.filter(({wanted, state}) => wanted !== false || state !== 'silent');
  const found = rows.filter(row => nameOf(kind, row) === `${kind}/${subject.name}`);
  return found.length > 0
    ? found
    : [{id: subject.name, view: subject.name, state: 'unknown', ...pipeNames(subject.name)}];
}

function pipeNames(name: string): JsonObject {
  const [agent, ...pipe] = name.split('/');
  return {agent, pipe: pipe.join('/')};
}

function nameOf(kind: string, {id, agent, pipe, view}: JsonObject): string {
  if (kind === 'pipe') return `pipe/${agent}/${pipe}`;
  return `${kind}/${kind === 'view' ? view : id}`;
}
