import {Option} from 'commander';
import {isObject, type JsonObject} from '../exact-json.ts';
import {metaNotices} from '../meta-notices.ts';
import {bar} from '../output/bar.ts';
import {jsonDocument} from '../output/json.ts';
import {pathCell, rowPath} from '../output/path-cell.ts';
import {bytesText} from '../output/quantity.ts';
import {cell, table} from '../output/table.ts';
import {pathParameters} from '../path-argument.ts';
import {settledHelp} from '../settled-condition.ts';
import {nameBytes} from '../tree-entries.ts';
import type {Verb} from '../verb.ts';
import {viewPath} from '../view-path.ts';
import {wholeNumberFrom} from '../whole-number.ts';

type Flags = {sort: string; limit?: number; bytes?: boolean; settled?: string; pathB64?: string; sync?: boolean};

const barWidth = 20;

/** The totals are kept by the fusion, so the answer takes as long for a storage as for a folder. */
export const du: Verb<Flags> = {
  name: 'du',
  summary: 'Show how much is in a directory and in each of its children, the greatest first.',
  declare: command =>
    command
      .argument('[path]', 'path in the view; without one its root')
      .addOption(
        new Option('--sort <by>', 'what comes first').choices(['bytes', 'files', 'newest_change']).default('bytes'),
      )
      .option('--limit <n>', 'at most so many children (1000)', wholeNumberFrom(1))
      .option('--bytes', 'sizes as numbers of bytes')
      .option('--sync', "wait until every change made through the leader's mount is in the answer")
      .option('--settled <duration>', settledHelp)
      .option('--path-b64 <bytes>', 'the path as base64url of its bytes, for one that is not UTF-8'),

  printsNames: true,

  run: async ({client, view, argument, flags, form, isJson, io}) => {
    const answer = await client.get(viewPath(view, 'fs/stats'), {
      ...pathParameters(argument, flags.pathB64),
      children: true,
      sort: flags.sort,
      limit: flags.limit,
      sync: flags.sync,
      settled: flags.settled,
    });
    if (isJson) {
      await io.write(jsonDocument(answer));
      return 0;
    }
    const data = isObject(answer.data) ? answer.data : {};
    const children = Array.isArray(data.children) ? data.children.filter(isObject) : [];
    if (form === 'name') {
      const end = io.isTerminal ? 'escaped' : 'newline';
      await io.write(Buffer.concat(children.map(child => rowPath(below(data, child), end))));
      return 0;
    }
    const total = flags.sort === 'files' ? data.files : data.bytes;
    const line = (row: JsonObject, path: string) => [
      flags.bytes ? cell('bytes', row.bytes) : bytesText(row.bytes),
      cell('files', row.files),
      cell('newest_change', row.newest_change),
      ...(io.isTerminal ? [bar(partOf(flags.sort === 'files' ? row.files : row.bytes, total), barWidth)] : []),
      path,
    ];
    const headings = ['SIZE', 'FILES', 'NEWEST CHANGE', ...(io.isTerminal ? [''] : []), 'PATH'];
    const rows = [...children.map(child => line(child, pathCell(below(data, child)))), line(data, pathCell(data))];
    await io.write(table(headings, rows));
    const more = Number(data.children_count ?? 0) - children.length;
    if (more > 0) io.notice(`There are ${more} more children: show them with --limit.`);
    if (isObject(answer.meta)) for (const notice of metaNotices(answer.meta)) io.notice(notice);
    return 0;
  },
};

function partOf(value: JsonObject[string], total: JsonObject[string]): number {
  return typeof value === 'number' && typeof total === 'number' && total > 0 ? value / total : 0;
}

function below(directory: JsonObject, {name, name_b64}: JsonObject): JsonObject {
  const parent = nameBytes(String(directory.path ?? '/'), directory.path_b64 as string | undefined);
  const slash = parent.at(-1) === 0x2f ? '' : '/';
  const bytes = Buffer.concat([parent, Buffer.from(slash), nameBytes(String(name), name_b64 as string | undefined)]);
  return {path_b64: bytes.toString('base64url')};
}
