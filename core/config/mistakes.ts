import {FustorError} from '../errors/fustor-error.ts';

/** From the top of the file to a setting: names of groups and positions in lists. */
export type SettingPath = readonly (string | number)[];

/** One mistake where it was found: `offset` counts UTF-16 units from the beginning of the text. */
export type Problem = {
  offset: number;
  path: SettingPath;
  /** What is wrong, without the value; values are only ever in `found`, which knows what may be shown. */
  message: string;
  found?: string;
  wanted?: string;
};

/** One mistake as it is reported. `path` is empty for a mistake of the file as a whole. */
export type Mistake = {
  file: string;
  line: number;
  column: number;
  path: string;
  message: string;
  found?: string;
  wanted?: string;
};

/** All mistakes of a file in one error: a line each in the message, and machine-readable in `details.mistakes`. */
export function configInvalid({file, mistakes, hint}: {file: string; mistakes: Mistake[]; hint: string}): FustorError {
  const heading = mistakes.length === 1 ? `${file} has a mistake:` : `${file} has ${mistakes.length} mistakes:`;
  const message = [heading, ...mistakes.map(mistake => `  ${mistakeLine(mistake)}`)].join('\n');
  return new FustorError('CONFIG_INVALID', message, {hint, details: {mistakes}});
}

/** `pipes.research.view`, `keys[0].views[1]`, `views["a b"]`. */
export function formatPath(path: SettingPath): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[A-Za-z0-9_-]+$/.test(step)) return `[${JSON.stringify(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}

/** `site/views.yaml:3:5  views.research.driver: wrong value; found "x"; wanted "fs"`. */
export function mistakeLine({file, line, column, path, message, found, wanted}: Mistake): string {
  const subject = path === '' ? '' : `${path}: `;
  const parts = [
    message,
    ...(found === undefined ? [] : [`found ${found}`]),
    ...(wanted === undefined ? [] : [`wanted ${wanted}`]),
  ];
  return `${file}:${line}:${column}  ${subject}${parts.join('; ')}`;
}
