import {spawn} from 'node:child_process';

/** A tree as lines `path|kind|size|time`, in bytes (latin1), for an exact comparison of a view with its directory. */

const findKinds: Record<string, string> = {d: 'directory', f: 'file', l: 'symlink'};

/** What `find -printf '%P|%y|%s|%T@'` says, as a sorted list. */
export async function linesOfFind(root: string): Promise<string[]> {
  const find = spawn('find', [root, '-printf', '%P\\0%y\\0%s\\0%T@\\0'], {stdio: ['ignore', 'pipe', 'ignore']});
  const chunks: Buffer[] = [];
  for await (const chunk of find.stdout) chunks.push(chunk);
  const fields = Buffer.concat(chunks).toString('latin1').split('\0');
  const lines: string[] = [];
  for (let i = 0; i + 3 < fields.length; i += 4) {
    const [path, kind, size, time] = [fields[i]!, fields[i + 1]!, fields[i + 2]!, fields[i + 3]!];
    lines.push(`/${path}|${findKinds[kind] ?? 'other'}|${size}|${time.replace(/\.?0+$/, '')}`);
  }
  return lines.sort();
}

type Node = {
  name: string;
  name_b64?: string;
  content_type: string;
  size?: number;
  modified_time?: string;
  children?: Node[];
};

/** What an answer of `fs/tree` says, from its text, because a JavaScript number cannot hold its times. */
export function linesOfTree(json: string): {lines: string[]; meta: Record<string, unknown>} {
  const exact = json.replace(/"modified_time":(-?[\d.]+)/g, '"modified_time":"$1"');
  const {data, meta} = JSON.parse(exact) as {data: Node; meta: Record<string, unknown>};
  const lines: string[] = [];
  const add = (node: Node, path: string) => {
    lines.push(`${path === '' ? '/' : path}|${node.content_type}|${node.size}|${trim(node.modified_time)}`);
    for (const child of node.children ?? []) add(child, `${path}/${nameOf(child)}`);
  };
  add(data, '');
  return {lines: lines.sort(), meta};
}

function nameOf({name, name_b64}: Node): string {
  return (name_b64 === undefined ? Buffer.from(name) : Buffer.from(name_b64, 'base64url')).toString('latin1');
}

function trim(time: string | undefined): string {
  return time?.includes('.') ? time.replace(/\.?0+$/, '') : String(time);
}

/** What only one of two sorted lists has, a few of each, for a message that helps. */
export function difference(
  found: readonly string[],
  wanted: readonly string[],
): {extra: string[]; missing: string[]; count: number} {
  const inFound = new Set(found);
  const inWanted = new Set(wanted);
  const extra = found.filter(line => !inWanted.has(line));
  const missing = wanted.filter(line => !inFound.has(line));
  return {extra: extra.slice(0, 10), missing: missing.slice(0, 10), count: extra.length + missing.length};
}
