import type {Lost} from './faults/fault.ts';
import type {Problem} from './prober/messages.ts';

/** A connection whose process was killed tells its client at once; a retry of the client's library may be a little later. */
const lostMs = 15_000;

/**
 * What is wrong about a problem, or undefined when it is what the fault must cost: a reset of a connection that a process had
 * accepted before it was killed with -9, when one retry succeeds.
 */
export function judge(
  problem: Problem,
  {lost, mayRefuse}: {lost: readonly Lost[]; mayRefuse: boolean},
): string | undefined {
  const {kind, at, port, retry, detail, question} = problem;
  const said = `${kind} of ${question} (${detail.trim()}; retry: ${retry.isOk ? 'ok' : 'failed'} ${retry.detail})`;
  switch (kind) {
    case 'answer':
    case 'timeout':
      return said;
    case 'refused':
      return mayRefuse ? undefined : said;
    case 'reset': {
      if (mayRefuse) return undefined; // what waited in the socket goes with it
      const isLost = lost.some(
        one => at >= one.at && at - one.at < lostMs && port !== undefined && one.ports.has(port),
      );
      if (!isLost) return `${said}: no process that was killed had accepted it`;
      return retry.isOk ? undefined : said;
    }
    default:
      return kind satisfies never;
  }
}
