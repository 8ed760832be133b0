/** The candidate that `word` was probably meant to be, or undefined when none is close enough to be worth naming. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const worstDistance = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let bestDistance = worstDistance + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/**
 * How many single-character edits turn one word into the other; two neighbours that changed places count as one edit
 * (optimal string alignment).
 */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({length: to.length + 1}, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const substitution = previous[column - 1] + (from[row - 1] === to[column - 1] ? 0 : 1);
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swap = isSwap ? beforePrevious[column - 2] + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(substitution, previous[column] + 1, current[column - 1] + 1, swap));
    }
    [beforePrevious, previous] = [previous, current];
  }
  return previous[to.length];
}
