import {type ByteString, toBytes, toText} from '../entry/byte-string.ts';
import type {PackedCursor} from '../entry/packed.ts';
import {joinPath, type Path} from '../entry/path.ts';
import {Glob} from './glob.ts';

/** Whether an entry is called as is wanted. A run of entries of which `mayHold` is false holds none that is. */
export type NameMatch = {
  mayHold: (run: Buffer) => boolean;
  matches: (parent: Path, cursor: PackedCursor) => boolean;
};

const always = () => true;

/**
 * How a pattern looks at an entry:
 *
 * - with `*`, `?`, `[`, `{` or `\` in it, the whole name or path must match it; without, it must be a part of it.
 * - with `/` in it, the path counts, from any folder on when it does not begin with `/`; without, the name.
 *
 * Names that are not UTF-8 match patterns as they are shown. Throws GlobMistake.
 */
export function nameMatch(pattern: ByteString, {ignoresCase}: {ignoresCase: boolean}): NameMatch {
  if (pattern === '') return {mayHold: always, matches: always};
  const isPath = pattern.includes('/');
  const fold = ignoresCase ? (text: string) => text.toLowerCase() : (text: string) => text;
  const textOf = (parent: Path, {name}: PackedCursor) => fold(toText(isPath ? joinPath(parent, name) : name).text);
  const text = fold(toText(pattern).text);
  if (/[*?[{\\]/.test(pattern)) {
    const glob = new Glob(isPath && !text.startsWith('/') ? `/**/${text}` : text);
    const mayHold = isPath ? always : holds(Buffer.from(glob.literal), {ignoresCase});
    return {mayHold, matches: (parent, cursor) => glob.matches(textOf(parent, cursor))};
  }
  if (ignoresCase) {
    const mayHold = isPath ? always : holds(Buffer.from(text), {ignoresCase});
    return {mayHold, matches: (parent, cursor) => textOf(parent, cursor).includes(text)};
  }
  if (isPath) return {mayHold: always, matches: (parent, {name}) => joinPath(parent, name).includes(pattern)};
  return {mayHold: holds(toBytes(pattern), {ignoresCase}), matches: (_, {name}) => name.includes(pattern)};
}

/** Whether bytes are somewhere in a run. Of other letters than those of ASCII, the two cases have other bytes. */
function holds(needle: Buffer, {ignoresCase}: {ignoresCase: boolean}): (run: Buffer) => boolean {
  if (needle.length === 0 || (ignoresCase && needle.some(byte => byte > 0x7f))) return always;
  if (!ignoresCase) return run => run.includes(needle);
  const anyCase = new RegExp(needle.toString('latin1').replace(/[^\w]/g, '\\$&'), 'i');
  return run => anyCase.test(run.toString('latin1'));
}
