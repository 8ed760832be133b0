import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Client} from '../client.ts';
import {isObject, type JsonObject} from '../exact-json.ts';
import {jsonDocument} from '../output/json.ts';
import {cell, fieldTable, table} from '../output/table.ts';
import type {Verb} from '../verb.ts';
import {viewPath} from '../view-path.ts';

/** Exit code 1 when a view is not fed: then its tree is empty or grows old. */
export const status: Verb<object> = {
  name: 'status',
  summary: 'Show how fresh and how complete a view is and who feeds it; without --view, all views of the key.',
  declare: () => {},

  run: async ({client, view, isJson, io}) => {
    const names = view === undefined ? await viewNames(client) : [view];
    const statuses = await Promise.all(names.map(name => readStatus(client, name)));
    const shown = view === undefined ? statuses : statuses[0];
    if (isJson) await io.write(jsonDocument({data: shown}));
    else await io.write(view === undefined ? overview(statuses) : fieldTable(statuses[0]));
    if (!isJson && statuses.length === 0) io.notice('This key sees no view.');
    return statuses.every(isHealthy) ? 0 : 1;
  },
};

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
async function readStatus(client: Client, view: string): Promise<JsonObject> {
  const {data, meta} = await client.get(viewPath(view, 'status'));
  return {view, ...(isObject(meta) ? meta : {}), ...(isObject(data) ? data : {})};
}

const columns = ['view', 'sync', 'complete', 'last_event_at', 'leader', 'agents', 'suspect', 'blind_spot'];

function overview(statuses: JsonObject[]): string {
  return table(
    columns.map(column => column.replaceAll('_', ' ').toUpperCase()),
    statuses.map(one => columns.map(column => cell(column, counted(one[column])))),
  );
}

function counted(value: JsonObject[string]): JsonObject[string] {
  return Array.isArray(value) ? value.length : value;
}

function isHealthy({sync, healthy}: JsonObject): boolean {
  return typeof healthy === 'boolean' ? healthy : sync === 'live' || sync === 'snapshot';
}
