import type {Meta} from '../api.ts';
import type {JsonObject} from '../exact-json.ts';
import {metaNotices} from '../meta-notices.ts';
import {JsonList} from '../output/json-list.ts';
import {pathCell} from '../output/path-cell.ts';
import {cell} from '../output/table.ts';
import {pathParameters} from '../path-argument.ts';
import type {Verb} from '../verb.ts';
import {viewPath} from '../view-path.ts';
import {wholeNumberFrom} from '../whole-number.ts';

export type ListFlags = {limit?: number; cursor?: string; pathB64?: string};

/** Fields of a row in columns of so many characters (below 0: to the right); the path comes last. */
type Columns = Record<string, number>;

/** A verb that prints one of the lists of a view, page by page, so its memory does not grow with the list. */
export function listVerb({name, summary, columns}: {name: string; summary: string; columns: Columns}): Verb<ListFlags> {
  return {
    name,
    summary,
    declare: command =>
      command
        .argument('[path]', 'only what is at or below this path')
        .option('--limit <n>', 'at most so many; a notice says how to go on', wholeNumberFrom(1))
        .option('--cursor <cursor>', 'go on where an earlier call with --limit ended')
        .option('--path-b64 <bytes>', 'the path as base64url of its bytes, for one that is not UTF-8'),

    run: async ({client, view, argument, flags, isJson, io}) => {
      const parameters = {...pathParameters(argument, flags.pathB64), cursor: flags.cursor};
      const json = new JsonList();
      let heading = `${line(columns, field => field.replaceAll('_', ' ').toUpperCase())}PATH\n`;
      let last: Meta = {};
      for await (const {rows, meta} of client.rowPages(viewPath(view, `fs/${name}`), parameters, flags.limit)) {
        await io.write(isJson ? json.page(rows, meta) : heading + rows.map(row => rowLine(columns, row)).join(''));
        heading = '';
        last = meta;
      }
      if (isJson) await io.write(json.end());
      else for (const notice of metaNotices(last)) io.notice(notice);
      if (!isJson && last.next_cursor) io.notice(`There is more: go on with --cursor ${last.next_cursor}`);
      return 0;
    },
  };
}

function rowLine(columns: Columns, row: JsonObject): string {
  return `${line(columns, field => cell(field, row[field]))}${pathCell(row)}\n`;
}

function line(columns: Columns, text: (field: string) => string): string {
  return Object.entries(columns)
    .map(([field, width]) => `${width < 0 ? text(field).padStart(-width) : text(field).padEnd(width)}  `)
    .join('');
}
