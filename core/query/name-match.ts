import {type ByteString, fromText, toBytes, toText} from '../entry/byte-string.ts';
import type {PackedCursor} from '../entry/packed.ts';
import {joinPath, type Path} from '../entry/path.ts';
import type {NameParts} from '../tree/tree-store.ts';
import {Glob} from './glob.ts';

/** Whether an entry is called as is wanted. */
export type NameMatch = {
  /** What the names have that are. */
  parts: NameParts;
  /** A run of entries of which it is false holds none that is. */
  mayHold: (run: Buffer) => boolean;
  matches: (parent: Path, cursor: PackedCursor) => boolean;
  /** How many steps `matches` takes at most. */
  steps: (parent: Path, cursor: PackedCursor) => number;
};

const always = () => true;
/** Of what looks for a text. */
const oneStep = () => 1;
const anyName: NameParts = [[]];

/**
 * How a pattern looks at an entry:
 *
 * - with `*`, `?`, `[`, `{` or `\` in it, the whole name or path must match it; without, it must be a part of it.
 * - with `/` in it, the path counts, from any folder on when it does not begin with `/`; without, the name.
 *
 * Names that are not UTF-8 match patterns as they are shown. Throws GlobMistake.
 */
export function nameMatch(pattern: ByteString, {ignoresCase}: {ignoresCase: boolean}): NameMatch {
  if (pattern === '') return {parts: anyName, mayHold: always, matches: always, steps: oneStep};
  const isPath = pattern.includes('/');
  const fold = ignoresCase ? foldCase : (text: string) => text;
  const textOf = (parent: Path, {name}: PackedCursor) => fold(toText(isPath ? joinPath(parent, name) : name).text);
  const text = fold(toText(pattern).text);
  if (/[*?[{\\]/.test(pattern)) {
    const glob = new Glob(isPath && !text.startsWith('/') ? `/**/${text}` : text);
    const parts = glob.literals.map(texts => texts.flatMap(one => partsOf(one, ignoresCase)));
    return {
      parts,
      mayHold: holds(parts, ignoresCase),
      matches: (parent, cursor) => glob.matches(textOf(parent, cursor)),
      steps: (parent, {nameLength}) => glob.weight * (isPath ? parent.length + 1 + nameLength : nameLength),
    };
  }
  // All that is below a folder that matches does, too, whatever it is called.
  const parts = isPath ? anyName : [ignoresCase ? partsOf(text, ignoresCase) : [pattern]];
  const mayHold = holds(parts, ignoresCase);
  const looks = {parts, mayHold, steps: oneStep};
  if (ignoresCase) return {...looks, matches: (parent, cursor) => textOf(parent, cursor).includes(text)};
  if (isPath) return {...looks, matches: (parent, {name}) => joinPath(parent, name).includes(pattern)};
  return {...looks, matches: (_, {name}) => name.includes(pattern)};
}

/**
 * Lower case, and nothing that is not ASCII becomes ASCII: a name without the letters of ASCII that are asked for has none of them
 * by other spellings (the Kelvin sign, the I with a dot).
 */
function foldCase(text: string): string {
  return text.replace(/[^\u212a\u0130]+/g, part => part.toLowerCase());
}

/**
 * The bytes that names have in which a text is found as they are shown. The mark that stands for what is no UTF-8 has none, and
 * other letters than those of ASCII have others in the other case.
 */
function partsOf(text: string, ignoresCase: boolean): ByteString[] {
  const parts = ignoresCase ? text.match(/[\0-\x7f]+/g) : text.match(/[^\ufffd]+/g);
  return (parts ?? []).map(fromText);
}

/** Whether the longest of the parts is somewhere in a run. */
function holds(parts: NameParts, ignoresCase: boolean): (run: Buffer) => boolean {
  const longest = parts.length > 1 ? undefined : parts[0]!.toSorted((a, b) => b.length - a.length)[0];
  if (longest === undefined) return always;
  const needle = toBytes(longest);
  if (!ignoresCase) return run => run.includes(needle);
  const anyCase = new RegExp(longest.replace(/[^\w]/g, '\\$&'), 'i');
  return run => anyCase.test(run.toString('latin1'));
}
