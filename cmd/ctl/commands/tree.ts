import type {Meta, TreeNode} from '../api.ts';
import type {Parameters} from '../client.ts';
import {metaNotices} from '../meta-notices.ts';
import {JsonTree} from '../output/json-tree.ts';
import {pathLines, treeHeading, treeLines} from '../output/tree-lines.ts';
import {pathParameters} from '../path-argument.ts';
import {settledHelp} from '../settled-condition.ts';
import type {Verb, VerbCall} from '../verb.ts';
import {viewPath} from '../view-path.ts';
import {wholeNumberFrom} from '../whole-number.ts';

type Flags = {
  recursive?: boolean;
  depth?: number;
  onlyPath?: boolean;
  print0?: boolean;
  limit?: number;
  cursor?: string;
  settled?: string;
  pathB64?: string;
  sync?: boolean;
};

/** Prints page by page, so its memory does not grow with the tree. */
export const tree: Verb<Flags> = {
  name: 'tree',
  summary: 'List a directory (first itself, then what is in it), or with -R everything below it.',
  declare: command =>
    command
      .argument('[path]', 'path in the view; without one its root')
      .option('-R, --recursive', 'everything below, not only what is in the directory')
      .option('--depth <n>', 'go at most so many levels down (implies -R)', wholeNumberFrom(0))
      .option('--only-path', 'paths alone; in a pipe as they are, but with a newline in it as sha256sum writes it')
      .option('-0, --print0', 'paths alone, each ended by a NUL, for "xargs -0"')
      .option('--limit <n>', 'at most so many entries; a notice says how to go on', wholeNumberFrom(1))
      .option('--cursor <cursor>', 'go on where an earlier call with --limit ended')
      .option('--sync', "wait until every change made through the leader's mount is in the answer")
      .option('--settled <duration>', settledHelp)
      .option('--path-b64 <bytes>', 'the path as base64url of its bytes, for one that is not UTF-8'),

  printsNames: true,

  run: async call => {
    const {client, view, isJson, io} = call;
    const printer = choosePrinter(call);
    let last: Meta = {};
    for await (const {data, meta} of client.pages(viewPath(view, 'fs/tree'), parameters(call), call.flags.limit)) {
      await io.write(printer.page(data, meta));
      last = meta;
    }
    await io.write(printer.end());
    if (isJson) return 0;
    for (const notice of metaNotices(last)) io.notice(notice);
    if (last.next_cursor) io.notice(`There is more: go on with --cursor ${last.next_cursor}`);
    return 0;
  },
};

function parameters({argument, flags, form}: VerbCall<Flags>): Parameters {
  return {
    ...pathParameters(argument, flags.pathB64),
    recursive: flags.recursive || flags.depth !== undefined || undefined,
    max_depth: flags.depth,
    only_path: isPathsOnly({flags, form}) || undefined,
    cursor: flags.cursor,
    sync: flags.sync,
    settled: flags.settled,
  };
}

type Printer = {page(data: TreeNode, meta: Meta): string | Uint8Array; end(): string};

function choosePrinter({flags, form, isJson, io}: VerbCall<Flags>): Printer {
  if (isJson) return new JsonTree();
  if (isPathsOnly({flags, form})) {
    const form = flags.print0 ? 'nul' : io.isTerminal ? 'escaped' : 'newline';
    return {page: data => pathLines(data, form), end: () => ''};
  }
  let heading = treeHeading;
  return {
    page: data => {
      const text = heading + treeLines(data);
      heading = '';
      return text;
    },
    end: () => '',
  };
}

function isPathsOnly({flags: {onlyPath, print0}, form}: Pick<VerbCall<Flags>, 'flags' | 'form'>): boolean {
  return onlyPath === true || print0 === true || form === 'name';
}
