import {composeStrict} from '../../core/site/compose.ts';
import {readSiteFile} from '../../core/site/site-file.ts';
import {AnswerError} from './answer-error.ts';
import type {Client} from './client.ts';
import type {DesiredFiles} from './desired-files.ts';
import {isObject, type JsonObject} from './exact-json.ts';

/** The revision in force; 0 without files when there is none yet. */
export type Current = {revision: number; files: DesiredFiles};

export async function readCurrent(control: Client): Promise<Current> {
  try {
    const {data} = await control.get('revisions/current', {files: true});
    const {revision, files} = isObject(data) ? data : {};
    return {revision: Number(revision ?? 0), files: isObject(files) ? textsIn(files) : {}};
  } catch (error) {
    if (error instanceof AnswerError && error.body.error.code === 'NOT_FOUND') return {revision: 0, files: {}};
    throw error;
  }
}

/**
 * Throws CONFIG_INVALID with every mistake in what the desired state would be. By the controller's own rules, so that nothing
 * is sent which it would refuse; only it knows which credentials there are.
 */
export function validateFiles(files: DesiredFiles): void {
  composeStrict(new Map(Object.entries(files)), {credentials: anyCredential, read: readSiteFile});
}

const anyCredential: ReadonlySet<string> = Object.assign(new Set<string>(), {has: () => true});

/** What became of files that were offered. */
export type Outcome = {revision: number | undefined; isNew: boolean; changed: string[]; diff: string; raw: JsonObject};

export function outcomeOf(data: unknown): Outcome {
  const raw = isObject(data) ? data : {};
  const {revision, is_new, changed, diff} = raw;
  return {
    revision: typeof revision === 'number' ? revision : undefined,
    isNew: is_new === true,
    changed: (Array.isArray(changed) ? changed.filter(isObject) : []).map(({kind, id}) => `${kind}/${id}`),
    diff: typeof diff === 'string' ? diff : '',
    raw,
  };
}

function textsIn(files: JsonObject): DesiredFiles {
  return Object.fromEntries(
    Object.entries(files).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
