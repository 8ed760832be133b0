/**
 * Patterns as shells have them: `*` and `?` (not `/`), `[a-z]`, `[!a-z]`, `{a,b}`, `\` before what is to be taken as it is, and
 * `**` for any number of folders. A text of n characters takes `n * weight` steps at most, whatever it is: patterns come from
 * outside, and an expression that tries again and again would hold a gateway up.
 */
export class Glob {
  readonly #alternatives: readonly (readonly Token[])[];
  /** What is compared with one character at most. */
  readonly weight: number;
  /** Places in a pattern, as flags. */
  #now = new Uint8Array(0);
  #next = new Uint8Array(0);

  /** Throws GlobMistake. */
  constructor(pattern: string) {
    const alternatives: Token[][] = [];
    let weight = 0;
    for (const one of expand(pattern)) {
      const tokens = parse(one);
      alternatives.push(tokens);
      weight += tokens.reduce((sum, token) => sum + weightOf(token), 0);
      if (weight > weightMax) {
        throw new GlobMistake(
          `has more than ${weightMax} characters and wildcards in all the patterns that it stands for`,
        );
      }
    }
    this.#alternatives = alternatives;
    this.weight = weight;
    const longest = Math.max(...this.#alternatives.map(({length}) => length));
    this.#now = new Uint8Array(longest + 1);
    this.#next = new Uint8Array(longest + 1);
  }

  matches(text: string): boolean {
    for (const tokens of this.#alternatives) if (this.#run(tokens, text)) return true;
    return false;
  }

  /**
   * What matches has all the texts of one of these in it: in the part behind the last `/`, if it has any.
   */
  get literals(): string[][] {
    return this.#alternatives.map(tokens => {
      const texts: string[] = [''];
      for (const token of tokens.slice(tokens.findLastIndex(mayTakeSlash) + 1)) {
        if (typeof token !== 'string') texts.push('');
        else texts.push(texts.pop() + token);
      }
      return texts.filter(text => text !== '');
    });
  }

  /** Follows all places that the beginning of the text leads to, at once. */
  #run(tokens: readonly Token[], text: string): boolean {
    const count = tokens.length;
    this.#now.fill(0);
    enter(this.#now, tokens, 0);
    for (const character of text) {
      const [now, next] = [this.#now, this.#next];
      next.fill(0);
      let isAlive = false;
      for (let at = 0; at < count; at++) {
        if (now[at] === 0) continue;
        isAlive = true;
        const token = tokens[at]!;
        if (typeof token === 'string') {
          if (token === character) enter(next, tokens, at + 1);
        } else if (token.kind === 'one') {
          if (character !== '/' && token.takes(character)) enter(next, tokens, at + 1);
        } else if (token.kind === 'folders') {
          next[at] = 1;
          if (character === '/') enter(next, tokens, at + 1);
        } else if (token.kind === 'anything' || character !== '/') {
          enter(next, tokens, at);
        }
      }
      if (!isAlive) return false;
      this.#now = next;
      this.#next = now;
    }
    return this.#now[count] === 1;
  }
}

/** What is wrong with a pattern. */
export class GlobMistake extends Error {}

/** A character, or: one of several characters; the rest of a name; folders, each with its slash; anything. */
type Token =
  | string
  | {kind: 'one'; takes: (character: string) => boolean; weight: number}
  | {kind: 'name'}
  | {kind: 'folders'}
  | {kind: 'anything'};

function weightOf(token: Token): number {
  return typeof token !== 'string' && token.kind === 'one' ? token.weight : 1;
}

function mayTakeSlash(token: Token): boolean {
  if (typeof token === 'string') return token === '/';
  return token.kind === 'folders' || token.kind === 'anything';
}

/** A place, and those behind it that need no character; up to one that was entered, because behind that all are. */
function enter(places: Uint8Array, tokens: readonly Token[], place: number): void {
  for (let at = place; places[at] === 0; at++) {
    places[at] = 1;
    const token = tokens[at];
    if (token === undefined || typeof token === 'string' || token.kind === 'one') return;
  }
}

function parse(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; ) {
    const rest = pattern.slice(at);
    const isAtFolder = at === 0 || pattern[at - 1] === '/';
    const [token, length] = rest.startsWith('**/') && isAtFolder ? ([{kind: 'folders'}, 3] as const) : next(rest);
    tokens.push(token);
    at += length;
  }
  return tokens;
}

/** The first token, and how long it is. */
function next(rest: string): [Token, number] {
  if (rest.startsWith('**')) return [{kind: 'anything'}, 2];
  const set = /^\[([!^]?)(\]?[^\]]*)\]/.exec(rest);
  if (set) {
    const ranges = rangesOf([...set[2]!]);
    const isIn = (character: string) => ranges.some(([first, last]) => character >= first && character <= last);
    const takes = (character: string) => isIn(character) === (set[1] === '');
    return [{kind: 'one', takes, weight: ranges.length}, set[0].length];
  }
  const character = String.fromCodePoint(rest.codePointAt(0)!);
  if (character === '*') return [{kind: 'name'}, 1];
  if (character === '?') return [{kind: 'one', takes: () => true, weight: 1}, 1];
  if (character !== '\\' || rest.length === 1) return [character, character.length];
  const escaped = String.fromCodePoint(rest.codePointAt(1)!);
  return [escaped, 1 + escaped.length];
}

function rangesOf(characters: readonly string[]): [string, string][] {
  const ranges: [string, string][] = [];
  for (let at = 0; at < characters.length; at++) {
    const first = characters[at]!;
    const isRange = characters[at + 1] === '-' && at + 2 < characters.length;
    ranges.push([first, isRange ? characters[at + 2]! : first]);
    if (isRange) at += 2;
  }
  return ranges;
}

const alternativesMax = 100;
const patternMax = 1_000;
/** A hundred alternatives of forty characters. A name of 255 bytes then takes some milliseconds at worst. */
const weightMax = 4_000;

/** The patterns without braces that one with braces stands for. */
function expand(pattern: string): string[] {
  if (pattern.length > patternMax) throw new GlobMistake(`has more than ${patternMax} characters`);
  const expanded: string[] = [];
  const waiting = [pattern];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    const braces = innermostBraces(one);
    if (!braces) expanded.push(one);
    else {
      const [begin, end] = braces;
      for (const choice of one.slice(begin + 1, end).split(',')) {
        waiting.push(one.slice(0, begin) + choice + one.slice(end + 1));
      }
    }
    if (expanded.length + waiting.length > alternativesMax) {
      throw new GlobMistake(`stands for more than ${alternativesMax} patterns`);
    }
  }
  return expanded;
}

/** Where the first braces are that hold none, if there are any with a comma in them. */
function innermostBraces(pattern: string): [number, number] | undefined {
  let begin = -1;
  let hasComma = false;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === '\\') at++;
    else if (character === '{') {
      begin = at;
      hasComma = false;
    } else if (character === ',') hasComma = true;
    else if (character === '}' && begin !== -1) {
      if (hasComma) return [begin, at];
      begin = -1;
    }
  }
  return undefined;
}
