import {Option} from 'commander';
import {isObject, type Json, type JsonObject} from '../exact-json.ts';
import {jsonDocument} from '../output/json.ts';
import {pathCell} from '../output/path-cell.ts';
import {cell, fieldTable, table} from '../output/table.ts';
import type {Verb} from '../verb.ts';
import {viewPath} from '../view-path.ts';
import {wholeNumberFrom} from '../whole-number.ts';

type Flags = {state?: string; limit?: number};

export const jobs: Verb<Flags> = {
  name: 'jobs',
  summary: 'List the scans of a view, newest first: those that wait, run, and the last that have ended; or show one.',
  declare: command =>
    command
      .argument('[id]', 'the one to show')
      .addOption(new Option('--state <state>', 'only these').choices(['queued', 'running', 'done', 'failed']))
      .option('--limit <n>', 'at most so many', wholeNumberFrom(1)),

  run: async ({client, view, argument, flags, isJson, io}) => {
    const one = argument === undefined ? '' : `/${encodeURIComponent(argument)}`;
    const answer = await client.get(viewPath(view, `jobs${one}`), argument === undefined ? flags : {});
    await io.write(isJson ? jsonDocument(answer) : shown(answer.data));
    return 0;
  },
};

const columns = ['id', 'source', 'state', 'requested_by', 'requested_at', 'ended_at', 'agent'];

function shown(data: Json): string {
  if (isObject(data)) return fieldTable(data);
  const rows = Array.isArray(data) ? data.filter(isObject) : [];
  return table(
    [...columns, 'directories', 'entries', 'path', 'reason'].map(name => name.replaceAll('_', ' ').toUpperCase()),
    rows.map(row => [
      ...columns.map(name => cell(name, row[name])),
      ...found(row),
      pathCell(row),
      cell('reason', row.reason),
    ]),
  );
}

function found({progress}: JsonObject): string[] {
  const {directories, entries} = isObject(progress) ? progress : {};
  return [cell('directories', directories), cell('entries', entries)];
}
