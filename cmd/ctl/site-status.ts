import {FustorError} from '../../core/errors/fustor-error.ts';
import {AnswerError} from './answer-error.ts';
import type {Client} from './client.ts';
import {isObject, type JsonObject} from './exact-json.ts';
import {syncText} from './meta-notices.ts';
import {viewPath} from './view-path.ts';

/** What the fusion and the controller of a site tell, as far as there are both. */
export type SiteStatus = {
  /** How fresh and complete views are, as the fusion tells it; undefined where nobody is asked who knows. */
  views: JsonObject[] | undefined;
  /** What needs somebody to act, as the controller tells it; undefined where there is none. */
  problems: JsonObject[] | undefined;
  /** Why one of the two does not answer, which is a problem of its own. */
  failures: string[];
};

/** Throws when nobody answers, and why. */
export async function readSiteStatus(
  {client, control}: {client: Client; control: Client},
  view: string | undefined,
): Promise<SiteStatus> {
  const [views, problems] = await Promise.allSettled([readViews(client, view), readRows(control, 'problems')]);
  if (views.status === 'rejected' && !fulfilled(problems)) throw views.reason;
  const failures = [views, problems].flatMap(one =>
    one.status === 'rejected' && !isOfAnotherFusion(one.reason) ? [failureText(one.reason)] : [],
  );
  const all = fulfilled(problems);
  return {
    views: fulfilled(views),
    problems: view === undefined ? all : all?.filter(({subject}) => subject === `view/${view}`),
    failures,
  };
}

/** A list of the controller; undefined where there is none. */
export async function readRows(control: Client, path: string): Promise<JsonObject[] | undefined> {
  const answer = await existing(() => control.get(path));
  return answer && (Array.isArray(answer.data) ? answer.data.filter(isObject) : []);
}

/** What the statuses of views say that needs somebody to act, for those of which the controller says nothing. */
export function problemsOfViews({views = [], problems = []}: SiteStatus): JsonObject[] {
  return views.flatMap(status => {
    const subject = `view/${status.view}`;
    if (isFed(status) || problems.some(problem => problem.subject === subject)) return [];
    const problem = `It is not fed: ${syncText(status)}.`;
    return [{subject, severity: 'error', problem, since: null, next: `fustorctl status --view ${status.view}`}];
  });
}

function isFed({sync, healthy}: JsonObject): boolean {
  return typeof healthy === 'boolean' ? healthy : sync === 'live' || sync === 'snapshot';
}

/** Of those of the key, or of one; undefined where the endpoint is no fusion. */
async function readViews(client: Client, view: string | undefined): Promise<JsonObject[] | undefined> {
  if (view !== undefined) {
    const status = await existing(() => readView(client, view));
    return status && [status];
  }
  const names = await existing(() => viewNames(client));
  return names && Promise.all(names.map(name => readView(client, name)));
}

async function viewNames(client: Client): Promise<string[]> {
  const {data} = await client.get('views');
  if (!Array.isArray(data))
    throw new FustorError('UNREACHABLE', 'The server answered something other than a list of views.');
  return data.flatMap(view => {
    const name = isObject(view) ? view.name : view;
    return typeof name === 'string' ? [name] : [];
  });
}

/** The fields of `data` and of `meta` in one object, the name of the view first. */
async function readView(client: Client, view: string): Promise<JsonObject> {
  const {data, meta} = await client.get(viewPath(view, 'status'));
  return {view, ...(isObject(meta) ? meta : {}), ...(isObject(data) ? data : {})};
}

/** A controller may have several fusions; the one that is asked has not all of the views. */
function isOfAnotherFusion(error: unknown): boolean {
  return error instanceof AnswerError && error.body.error.code === 'VIEW_NOT_FOUND';
}

/** Undefined where the server knows no such route: it is the other one of the two. */
async function existing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof AnswerError && error.body.error.code === 'ROUTE_NOT_FOUND') return undefined;
    throw error;
  }
}

function fulfilled<T>(settled: PromiseSettledResult<T>): T | undefined {
  return settled.status === 'fulfilled' ? settled.value : undefined;
}

function failureText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
