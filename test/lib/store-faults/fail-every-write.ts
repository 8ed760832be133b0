import {dlopen} from 'node:ffi';
import {constants} from 'node:os';
import {join} from 'node:path';
import {isStoreError} from '../../../store/store-error.ts';
import {openTreeStore} from '../../../store/tree-store.ts';
import {wrongTotals} from '../recount.ts';
import {bodiesOf, commits, newId, storedCommits} from '../store-sequence.ts';

/**
 * A program, run with the library that makes calls fail: `node fail-every-write.ts FOLDER`. Does the sequence once for each
 * way of failing, and makes each call of each commit fail once before the commit may succeed. After each failure all that was
 * in the commit must have been refused, and the store must be what it was. Prints how many were refused with which code.
 */
const {ENOSPC, EIO, EDQUOT} = constants.errno;
const failures = [
  {error: ENOSPC, isShort: 0, count: 1n},
  {error: ENOSPC, isShort: 1, count: 1n},
  {error: ENOSPC, isShort: 0, count: 1_000n},
  {error: EDQUOT, isShort: 0, count: 1n},
  {error: EIO, isShort: 0, count: 1n},
  {error: EIO, isShort: 1, count: 1_000n},
];

const {functions: faults} = dlopen(process.env.FUSTOR_FAULTS_LIBRARY!, {
  faults_fail: {arguments: ['i32', 'i32', 'i64', 'i64'], return: 'void'},
  faults_failed: {arguments: [], return: 'i64'},
});
const refused: Record<string, number> = {};

for (const [index, {error, isShort, count}] of failures.entries()) {
  const store = await openTreeStore(join(process.argv[2]!, String(index)), {newId});
  for (let done = 0, call = 1; done < commits; call++) {
    faults.faults_fail(error, isShort, BigInt(call), count);
    const outcomes = await Promise.allSettled(bodiesOf(done + 1).map(body => store.write(body)));
    const failed = Number(faults.faults_failed());
    faults.faults_fail(0, 0, 0n, 0n);
    if (failed === 0) [done, call] = [done + 1, 0];
    else for (const outcome of outcomes) countRefusal(outcome, `call ${call} of commit ${done + 1}`);
    const [stored, wrong] = store.read(txn => [storedCommits(txn), wrongTotals(txn)] as never) as [number, string[]];
    if (stored !== done || wrong.length > 0) {
      throw new Error(`After call ${call} of commit ${done + 1} failed: commit ${stored} is stored, ${wrong}.`);
    }
  }
  await store.close();
}
process.stdout.write(JSON.stringify(refused));

function countRefusal(outcome: PromiseSettledResult<unknown>, what: string): void {
  const reason = outcome.status === 'rejected' ? outcome.reason : 'nothing';
  if (!isStoreError(reason)) throw new Error(`${what} failed, and a body was told ${reason}.`);
  refused[reason.code] = (refused[reason.code] ?? 0) + 1;
}
