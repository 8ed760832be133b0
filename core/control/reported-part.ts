import type {Death, PartReport} from '../shell/part-report.ts';
import type {ReportedPart} from './protocol.ts';

/** A part as a heartbeat tells it. `nowMs` is the shell's own wall time, as the times in the report are. */
export function reportedPart(report: PartReport, nowMs: number): ReportedPart {
  const {name, state, pid, startedAt, starts, memoryBytes, retryAt, lastDeath, health} = report;
  return {
    name,
    state,
    pid: pid ?? null,
    started_at: startedAt === undefined ? null : isoTime(startedAt),
    uptime_ms: startedAt === undefined || pid === undefined ? null : length(nowMs - startedAt),
    starts,
    memory_bytes: memoryBytes === undefined ? null : length(memoryBytes),
    retry_in_ms: retryAt === undefined ? null : length(retryAt - nowMs),
    last_death: lastDeath ? reportedDeath(lastDeath) : null,
    health: health ?? null,
  };
}

function reportedDeath({at, cause, code, signal, pid, uptimeMs, detail, stderr}: Death): ReportedPart['last_death'] {
  return {
    at: isoTime(at),
    cause,
    code,
    signal,
    pid: pid ?? null,
    uptime_ms: length(uptimeMs),
    detail: detail.slice(0, detailMax),
    stderr: stderr.slice(-stderrMax),
  };
}

const detailMax = 4_096;
/** Characters: a text of 8 KiB has no more. */
const stderrMax = 8_192;

/** A wall clock may have been set back meanwhile. */
function length(value: number): number {
  return Math.max(0, Math.round(value));
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
