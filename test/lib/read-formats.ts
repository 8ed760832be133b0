import {addExtension, Decoder} from 'cbor-x';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {timeText} from '../../core/query/json-values.ts';
import type {TreeFormat} from '../../core/query/tree-format.ts';

/** One entry of an answer: its path in bytes where the format tells it, and its fields; times are their text. */
export type ReadEntry = {path: ByteString | undefined; fields: Record<string, unknown>};
export type ReadAnswer = {entries: ReadEntry[]; meta: Record<string, unknown> | undefined};

type Node = Record<string, unknown> & {children?: Node[]};
type Document = {data: Node | Node[]; meta: Record<string, unknown>};

/** Reads a tree, or a list of entries, as a client would who knows nothing but the format. What an earlier page has is left out. */
export function readAnswer(format: TreeFormat, bytes: Buffer): ReadAnswer {
  switch (format) {
    case 'json':
      return readDocument(JSON.parse(exact(bytes.toString())));
    case 'cbor':
      return readDocument(decoder.decode(bytes));
    case 'ndjson': {
      const lines = linesOf(bytes.toString(), '\n').map(line => JSON.parse(exact(line)) as Node);
      const {meta} = lines.pop() as {meta: Record<string, unknown>};
      return {entries: lines.map(node => ({path: bytesOf(node, 'path'), fields: fieldsOf(node)})), meta};
    }
    case 'paths':
      return readPaths(linesOf(bytes.toString('latin1'), '\n').map(unescaped));
    case 'paths0':
      return readPaths(linesOf(bytes.toString('latin1'), '\0'));
  }
}

/** A JavaScript number cannot hold a time. */
function exact(json: string): string {
  return json.replace(/"(modified_time|changed_time)":(-?[\d.]+)/g, '"$1":"$2"');
}

addExtension({
  tag: 4,
  // biome-ignore lint/suspicious/noExplicitAny: cbor-x gives what was in the tag.
  decode: ([exponent, mantissa]: any) => {
    if (exponent !== -9) throw new Error(`an exponent of ${exponent}`);
    const nanos = ((BigInt(mantissa) % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    return timeText(Number((BigInt(mantissa) - nanos) / 1_000_000_000n), Number(nanos));
  },
} as Parameters<typeof addExtension>[0]);
const decoder = new Decoder({useRecords: false, mapsAsObjects: true});

function readDocument({data, meta}: Document): ReadAnswer {
  const entries: ReadEntry[] = [];
  const add = (node: Node, path: string | undefined) => {
    if (node.continued !== true) entries.push({path: path as ByteString, fields: fieldsOf(node)});
    for (const child of node.children ?? []) {
      const name = bytesOf(child, 'name');
      add(child, name === undefined || path === undefined ? undefined : `${path === '/' ? '' : path}/${name}`);
    }
  };
  for (const node of [data].flat()) add(node, bytesOf(node, 'path'));
  return {entries, meta};
}

function fieldsOf({children: _, ...node}: Node): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    if (key.endsWith('_b64') || key.endsWith('_bytes')) continue;
    if (key === 'name' || key === 'path') fields[key] = bytesOf(node, key);
    else if (key.endsWith('_time')) fields[key] = String(value);
    else fields[key] = typeof value === 'bigint' ? Number(value) : value;
  }
  return fields;
}

function bytesOf(node: Node, key: string): ByteString | undefined {
  const bytes = node[`${key}_bytes`];
  if (bytes instanceof Uint8Array) return Buffer.from(bytes).toString('latin1') as ByteString;
  const b64 = node[`${key}_b64`];
  if (typeof b64 === 'string') return Buffer.from(b64, 'base64url').toString('latin1') as ByteString;
  return node[key] === undefined ? undefined : (Buffer.from(String(node[key])).toString('latin1') as ByteString);
}

function readPaths(paths: string[]): ReadAnswer {
  return {entries: paths.map(path => ({path: path as ByteString, fields: {path}})), meta: undefined};
}

/** Each ended by a mark; the last, too. */
function linesOf(text: string, end: string): string[] {
  const lines = text.split(end);
  if (lines.pop() !== '') throw new Error('The last line has no end.');
  return lines;
}

function unescaped(line: string): string {
  if (!line.startsWith('\\')) return line;
  return line.slice(1).replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char));
}
