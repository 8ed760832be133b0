import type {Death} from '../../core/shell/part-report.ts';

const wordsMax = 1_000;

/** How a part died, with the last that it said of it. */
export function deathText({detail, stderr}: Pick<Death, 'detail' | 'stderr'>): string {
  const line = stderr.trimEnd().split('\n').at(-1) ?? '';
  const words = errorIn(line) ?? line;
  return words === '' ? detail : `${detail} It said: ${words.slice(0, wordsMax)}`;
}

/** Parts log lines of JSON; what kills one may write anything. */
function errorIn(line: string): string | undefined {
  try {
    const {error, message} = JSON.parse(line) as {error?: unknown; message?: unknown};
    return typeof error === 'string' ? error : typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
