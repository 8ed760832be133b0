/** What becomes of a line, with its newline: it stays, goes, or comes. */
type Edit = {kind: ' ' | '-' | '+'; line: string};

const contextLines = 3;
/** Texts that differ in more lines are told as one block: to find the least difference of such takes long and helps nobody. */
const editsMax = 2_000;

/** How one text becomes the other, as `diff -u` tells it, without its first two lines; empty when they are the same. */
export function unifiedDiff(from: string, to: string): string {
  if (from === to) return '';
  const edits = lineEdits(linesOf(from), linesOf(to));
  return hunksOf(edits)
    .map(({start, end}) => hunkText(edits, start, end))
    .join('');
}

/** By E. W. Myers' "An O(ND) Difference Algorithm and Its Variations"; what both begin and end with is put aside before. */
export function lineEdits(from: readonly string[], to: readonly string[]): Edit[] {
  let head = 0;
  while (head < from.length && head < to.length && from[head] === to[head]) head++;
  let tail = 0;
  const shorter = Math.min(from.length, to.length);
  while (tail < shorter - head && from.at(-1 - tail) === to.at(-1 - tail)) tail++;
  const same = (line: string): Edit => ({kind: ' ', line});
  return [
    ...from.slice(0, head).map(same),
    ...middleEdits(from.slice(head, from.length - tail), to.slice(head, to.length - tail)),
    ...from.slice(from.length - tail).map(same),
  ];
}

function middleEdits(from: readonly string[], to: readonly string[]): Edit[] {
  /** After so many edits, how far in `from` each diagonal (place in `from` less place in `to`) has come. */
  const rounds: Map<number, number>[] = [];
  let reached = new Map([[1, 0]]);
  for (let edits = 0; edits <= Math.min(editsMax, from.length + to.length); edits++) {
    const next = new Map<number, number>();
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = isDown(reached, diagonal, edits) ? reached.get(diagonal + 1)! : reached.get(diagonal - 1)! + 1;
      while (x < from.length && x - diagonal < to.length && from[x] === to[x - diagonal]) x++;
      next.set(diagonal, x);
      if (x >= from.length && x - diagonal >= to.length) return wayBack(rounds, from, to);
    }
    rounds.push(next);
    reached = next;
  }
  return [...from.map((line): Edit => ({kind: '-', line})), ...to.map((line): Edit => ({kind: '+', line}))];
}

function wayBack(rounds: readonly Map<number, number>[], from: readonly string[], to: readonly string[]): Edit[] {
  const edits: Edit[] = [];
  let [x, y] = [from.length, to.length];
  for (let round = rounds.length; round > 0; round--) {
    const before = rounds[round - 1]!;
    const isAdded = isDown(before, x - y, round);
    const beforeX = before.get(isAdded ? x - y + 1 : x - y - 1)!;
    const afterX = isAdded ? beforeX : beforeX + 1;
    const diagonal = x - y;
    for (; x > afterX; x--, y--) edits.push({kind: ' ', line: from[x - 1]!});
    if (isAdded) edits.push({kind: '+', line: to[afterX - diagonal - 1]!});
    else edits.push({kind: '-', line: from[beforeX]!});
    [x, y] = isAdded ? [x, y - 1] : [x - 1, y];
  }
  for (; x > 0; x--) edits.push({kind: ' ', line: from[x - 1]!});
  return edits.reverse();
}

/** Whether the farthest way to this diagonal ends with a line of `to`. */
function isDown(reached: ReadonlyMap<number, number>, diagonal: number, edits: number): boolean {
  if (diagonal === -edits) return true;
  return diagonal !== edits && reached.get(diagonal - 1)! < reached.get(diagonal + 1)!;
}

/** Ranges of edits with what stands around them; those that touch are one. */
function hunksOf(edits: readonly Edit[]): {start: number; end: number}[] {
  const hunks: {start: number; end: number}[] = [];
  for (const [index, {kind}] of edits.entries()) {
    if (kind === ' ') continue;
    const start = Math.max(0, index - contextLines);
    const end = Math.min(edits.length, index + 1 + contextLines);
    const last = hunks.at(-1);
    if (last && start <= last.end) last.end = end;
    else hunks.push({start, end});
  }
  return hunks;
}

function hunkText(edits: readonly Edit[], start: number, end: number): string {
  const count = (part: readonly Edit[], other: Edit['kind']) => part.filter(({kind}) => kind !== other).length;
  const [before, hunk] = [edits.slice(0, start), edits.slice(start, end)];
  const range = (other: Edit['kind']) => {
    const length = count(hunk, other);
    return `${count(before, other) + (length > 0 ? 1 : 0)},${length}`;
  };
  const lines = hunk.map(
    ({kind, line}) => `${kind}${line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`}`,
  );
  return `@@ -${range('+')} +${range('-')} @@\n${lines.join('')}`;
}

function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
