/** A source file with one thing changed. */
export type Mutant = {file: string; line: number; change: string; source: string; text: string};

const operators: Record<string, string> = {
  ' < ': ' >= ',
  ' > ': ' <= ',
  ' <= ': ' > ',
  ' >= ': ' < ',
  ' === ': ' !== ',
  ' !== ': ' === ',
  ' && ': ' || ',
  ' || ': ' && ',
};

/** Each operator turned round, each condition of an `if` never true, each `max` a `min`. Types, imports and comments stay. */
export function mutantsOf(file: string, text: string): Mutant[] {
  const mutants: Mutant[] = [];
  const lines = text.split('\n');
  for (const [index, source] of lines.entries()) {
    if (!isCode(source)) continue;
    const add = (changed: string, change: string) =>
      mutants.push({
        file,
        line: index + 1,
        change,
        source: source.trim(),
        text: lines.toSpliced(index, 1, changed).join('\n'),
      });
    for (const [operator, other] of Object.entries(operators)) {
      for (let at = source.indexOf(operator); at !== -1; at = source.indexOf(operator, at + 1)) {
        add(source.slice(0, at) + other + source.slice(at + operator.length), `${operator.trim()} → ${other.trim()}`);
      }
    }
    const condition = /^(\s*(?:else )?if \()(.*)(\) (?:return|continue|throw|\{).*|\) [a-z].*;)$/.exec(source);
    if (condition) add(`${condition[1]}false${condition[3]}`, 'the condition is never true');
    if (source.includes('Math.max(')) add(source.replace('Math.max(', 'Math.min('), 'max → min');
    if (/\btxn\.(remove|put|raise)\w*\(.*\);$/.test(source.trim()) && source.trim().startsWith('txn.')) {
      add(source.replace(/\S.*$/, ';'), 'left out');
    }
  }
  return mutants;
}

function isCode(line: string): boolean {
  const text = line.trim();
  const isOther = /^(\*|\/\*|\/\/|import |export type |type |\|)/.test(text);
  return !isOther && !/^\w+\??: [A-Za-z]/.test(text);
}
