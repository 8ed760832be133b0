import {writeFileSync} from 'node:fs';

/** How many checks passed, under the names that vitest gives them, for `build/test-all.ts`. */
export function writeCounts(
  file: string | undefined,
  {passed, failed, skipped}: {passed: number; failed: number; skipped: number},
): void {
  if (file === undefined) return;
  const report = {numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped};
  writeFileSync(file, JSON.stringify(report));
}
