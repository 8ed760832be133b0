import {writeFileSync} from 'node:fs';

/** How many checks passed and what was wrong, under the names that vitest gives them, for `build/test-all.ts`. */
export function writeCounts(
  file: string | undefined,
  {passed, failed, skipped, wrong = []}: {passed: number; failed: number; skipped: number; wrong?: readonly string[]},
): void {
  if (file === undefined) return;
  const testResults = wrong.map(message => ({name: 'chaos', status: 'failed', message, assertionResults: []}));
  const report = {numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped, testResults};
  writeFileSync(file, JSON.stringify(report));
}
