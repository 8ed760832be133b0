import {randomUUID} from 'node:crypto';
import {rootPath} from '../../core/entry/path.ts';
import type {EventSink, ScanRequest, ScanResult} from '../../core/source/source.ts';

export type GapScanParts = {
  sink: EventSink;
  scan: (request: ScanRequest) => Promise<ScanResult>;
  signal: AbortSignal;
};

/** Reads everything again after a gap. The view is told of it as of every scan: its end makes the gap good. */
export async function scanGap({sink, scan, signal}: GapScanParts): Promise<ScanResult> {
  const told = {kind: 'phase', source: 'on_demand', scan: `gap-${randomUUID()}`, path: rootPath} as const;
  let reason: string | undefined = 'the rescan failed';
  await sink.offer({...told, phase: 'scan_begin'});
  try {
    const result = await scan({source: 'on_demand', path: rootPath, isFull: true, signal});
    reason = result.reason;
    return result;
  } finally {
    await sink.offer({...told, phase: 'scan_end', isComplete: reason === undefined, reason});
  }
}
