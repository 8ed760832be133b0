import {FustorError} from '../../core/errors/fustor-error.ts';

/** A path or another text as one word of a unit file: quoted where it must be, with `%`, which systemd would expand, doubled. */
export function unitWord(text: string): string {
  const doubled = text.replaceAll('%', '%%');
  if (/^[A-Za-z0-9_./:@%+,=[\]-]+$/.test(doubled)) return doubled;
  return `"${doubled.replaceAll(/["\\\n\t\r]/g, character => escapes[character]!)}"`;
}

/** The command line of `ExecStart=`. Behind the program also `$` has a meaning, and is doubled. */
export function unitCommand([program, ...args]: readonly [string, ...string[]]): string {
  return [unitWord(program), ...args.map(arg => unitWord(arg.replaceAll('$', () => '$$')))].join(' ');
}

/** A path for a setting that takes the whole line as it is, which knows neither words nor quotes. */
export function unitLine(path: string): string {
  if (/[\n\r]|\\$/.test(path)) {
    throw new FustorError('UNITS_NOT_WRITTEN', `No unit can name the file ${JSON.stringify(path)}.`, {
      hint: 'Give it a name of one line that does not end in a backslash.',
    });
  }
  return path.replaceAll('%', '%%');
}

const escapes: Record<string, string> = {'"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r'};
