import type {Meta} from '../api.ts';
import type {JsonObject} from '../exact-json.ts';
import {metaNotices} from '../meta-notices.ts';
import {JsonList} from '../output/json-list.ts';
import {pathCell, rowPath} from '../output/path-cell.ts';
import {cell} from '../output/table.ts';
import {pathParameters} from '../path-argument.ts';
import type {Verb} from '../verb.ts';
import {viewPath} from '../view-path.ts';
import {wholeNumberFrom} from '../whole-number.ts';

type Flags = {since?: string; follow?: boolean; limit?: number; pathB64?: string};

/** With `--follow` it never ends by itself, and `-o json` is one document a line. */
export const changes: Verb<Flags> = {
  name: 'changes',
  summary: 'Show what was created, modified, deleted and moved; with --follow as it happens.',
  declare: command =>
    command
      .argument('[path]', 'only what is at or below this path')
      .option('--since <seq>', 'what changed behind this "seq"; without it all that is known, with --follow what comes')
      .option('-f, --follow', 'go on with what happens; gateways may be replaced meanwhile')
      .option('--limit <n>', 'at most so many; a notice says how to go on', wholeNumberFrom(1))
      .option('--path-b64 <bytes>', 'the path as base64url of its bytes, for one that is not UTF-8'),

  printsNames: true,

  run: async ({client, view, argument, flags, form, isJson, io}) => {
    const shown = (row: JsonObject) =>
      form === 'name' ? rowPath(row, io.isTerminal ? 'escaped' : 'newline') : Buffer.from(line(row));
    const parameters = {...pathParameters(argument, flags.pathB64), since: flags.since};
    if (flags.follow) {
      let left = flags.limit ?? Number.POSITIVE_INFINITY;
      for await (const row of client.events(viewPath(view, 'fs/watch'), parameters)) {
        await io.write(isJson ? `${JSON.stringify(row)}\n` : shown(row));
        if (--left === 0) return 0;
      }
      return 0;
    }
    const json = new JsonList();
    let last: Meta = {};
    for await (const {rows, meta} of client.rowPages(viewPath(view, 'fs/changes'), parameters, flags.limit)) {
      await io.write(isJson ? json.page(rows, meta) : Buffer.concat(rows.map(shown)));
      last = meta;
    }
    if (isJson) await io.write(json.end());
    else for (const notice of metaNotices(last)) io.notice(notice);
    const next = last.next_cursor ?? last.changes_since ?? last.to_seq;
    if (!isJson && next !== undefined) io.notice(`Go on with --since ${next}`);
    return 0;
  },
};

function line(row: JsonObject): string {
  const from = row.from === undefined ? '' : `${pathCell({path: row.from, path_b64: row.from_b64})} → `;
  const columns = [
    cell('seq', row.seq).padStart(10),
    cell('change', row.change).padEnd(8),
    cell('content_type', row.content_type).padEnd(9),
    (row.content_type === 'file' ? cell('size', row.size) : '-').padStart(15),
    row.integrity_suspect === true ? 'suspect' : '-      ',
  ];
  return `${columns.join('  ')}  ${from}${pathCell(row)}\n`;
}
