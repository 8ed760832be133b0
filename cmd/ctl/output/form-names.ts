/**
 * - `table`: for eyes; `wide`: the same with more columns
 * - `json`, `yaml`: the whole answer; errors too
 * - `name`: what an answer is about, a line each, for `xargs`
 */
export const outputForms = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type OutputForm = (typeof outputForms)[number];

/** What a command line asks for, looked up before it is understood: a mistake in it is told in the form that was asked for. */
export function formIn(args: string[]): OutputForm | undefined {
  const words = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length);
  const found = words.flatMap((word, at) => {
    if (word === '-o' || word === '--output') return [words[at + 1]];
    return /^(?:-o=?|--output=)(.+)$/.exec(word)?.[1] ?? [];
  });
  return outputForms.find(form => form === found.at(-1));
}
