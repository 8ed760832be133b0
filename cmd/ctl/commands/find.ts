import {InvalidArgumentError, Option} from 'commander';
import type {Meta} from '../api.ts';
import type {Parameters} from '../client.ts';
import {metaNotices} from '../meta-notices.ts';
import {JsonList} from '../output/json-list.ts';
import {rowPath} from '../output/path-cell.ts';
import {pathParameters} from '../path-argument.ts';
import type {Verb, VerbCall} from '../verb.ts';
import {viewPath} from '../view-path.ts';
import {wholeNumberFrom} from '../whole-number.ts';

type SizeRange = {size_min?: number; size_max?: number};
type Flags = {
  name?: string;
  contains?: string;
  ignoreCase?: boolean;
  type?: string;
  size?: SizeRange;
  newer?: string;
  older?: string;
  print0?: boolean;
  limit?: number;
  sync?: boolean;
  cursor?: string;
  pathB64?: string;
};

/** As `find` of a shell, but asked of the view: nothing is read from the storage. */
export const find: Verb<Flags> = {
  name: 'find',
  summary: 'Find entries below a path by name, type, size and time.',
  declare: command =>
    command
      .argument('[path]', 'below this path; without one everywhere')
      .option('--name <glob>', 'the whole name, as a shell has it; with a "/" the path')
      .option('--contains <text>', 'a part of the name; with a "/" of the path')
      .option('-i, --ignore-case', 'whatever the case of letters')
      .addOption(new Option('--type <type>', 'file, directory, link or other').choices(Object.keys(types)))
      .option('--size <size>', '+1GiB: at least, -1GiB: at most, 1GiB: exactly', sizeRange)
      .option('--newer <when>', 'changed after: a date, or how long ago (2h, 7d)', moment)
      .option('--older <when>', 'changed before', moment)
      .option('-0, --print0', 'each path ended by a NUL, for "xargs -0"')
      .option('--limit <n>', 'at most so many; a notice says how to go on', wholeNumberFrom(1))
      .option('--cursor <cursor>', 'go on where an earlier call with --limit ended')
      .option('--sync', "wait until every change made through the leader's mount is in the answer")
      .option('--path-b64 <bytes>', 'the path as base64url of its bytes, for one that is not UTF-8'),

  printsNames: true,

  run: async call => {
    const {client, view, flags, isJson, io} = call;
    const json = new JsonList();
    const form = flags.print0 ? 'nul' : io.isTerminal ? 'escaped' : 'newline';
    let last: Meta = {};
    for await (const {rows, meta} of client.rowPages(viewPath(view, 'fs/search'), parameters(call), flags.limit)) {
      await io.write(isJson ? json.page(rows, meta) : Buffer.concat(rows.map(row => rowPath(row, form))));
      last = meta;
    }
    if (isJson) await io.write(json.end());
    else for (const notice of metaNotices(last)) io.notice(notice);
    if (!isJson && last.next_cursor) io.notice(`There may be more: go on with --cursor ${last.next_cursor}`);
    return 0;
  },
};

const types = {f: 'file', d: 'directory', l: 'symlink', o: 'other'} as const;

function parameters({argument, flags}: VerbCall<Flags>): Parameters {
  return {
    ...pathParameters(argument, flags.pathB64),
    pattern: flags.name === undefined ? literal(flags.contains) : wholeName(flags.name),
    ignore_case: flags.ignoreCase,
    kind: flags.type && types[flags.type as keyof typeof types],
    ...flags.size,
    modified_after: flags.newer,
    modified_before: flags.older,
    cursor: flags.cursor,
    sync: flags.sync,
  };
}

const special = /[*?[{\\]/;

/** Without a special character the server would take it for a part of the name. */
function wholeName(glob: string): string {
  return special.test(glob) || glob === '' ? glob : `\\${glob}`;
}

/** With one it would take it for the whole name. */
function literal(text: string | undefined): string | undefined {
  if (text === undefined || !special.test(text)) return text;
  const escaped = text.replace(/[*?[{\\]/g, '\\$&');
  return text.includes('/') ? `**${escaped}**` : `*${escaped}*`;
}

const sizeUnits: Record<string, number> = {'': 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40};

function sizeRange(text: string): SizeRange {
  const [, sign, count, unit = ''] = /^([+-]?)(\d{1,12})(B|KiB|MiB|GiB|TiB)?$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('A size is wanted, for example +1GiB or -4096.');
  const bytes = Number(count) * sizeUnits[unit]!;
  return {...(sign !== '-' && {size_min: bytes}), ...(sign !== '+' && {size_max: bytes})};
}

const secondsOf: Record<string, number> = {s: 1, m: 60, h: 3_600, d: 86_400};

/** As the server takes it: a date stays as it is. */
function moment(text: string): string {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (unit !== undefined) return String(Math.max(0, Math.floor(Date.now() / 1000) - Number(count) * secondsOf[unit]!));
  if (/^\d+(\.\d+)?$/.test(text) || !Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError('A date as 2026-01-31 or a time ago as 2h is wanted.');
}
