import type {ConfigReport} from '../../core/control/protocol.ts';
import type {Applier} from '../../core/node/applier.ts';
import type {ConfigState} from '../shell/shell.ts';
import type {ControlPlane} from './control-plane.ts';

const reasonMax = 4_096;

/** What a node runs, what it should, and what of that is not so. */
export function nodeReport(
  {state, lastFailed}: ConfigState,
  {plane, applier}: {plane: ControlPlane; applier: Pick<Applier<never>, 'report' | 'manifest' | 'appliedManifest'>},
): ConfigReport {
  const {accepted, failure} = plane;
  const told: {hash?: string | undefined; reason: string; at: number}[] = [lastFailed, failure].filter(
    one => one !== undefined,
  );
  const [latest] = told.sort((a, b) => b.at - a.at);
  const {appliedManifest: running} = applier;
  const desired = accepted?.signature ?? applier.manifest;
  const parts = applier.report();
  const origin = accepted?.origin ?? (desired === undefined ? 'file' : 'cache');
  // A node that nobody has told anything has it from nowhere.
  const isTold = accepted !== undefined || parts.length > 0 || !plane.isSet;
  return {
    state: state === 'refused' || failure?.isRefused ? 'refused' : 'running',
    ...(isTold && {origin}),
    ...(desired !== undefined && {desired}),
    ...(running !== undefined && {running}),
    ...(latest && {
      last_failed: {
        ...(latest.hash !== undefined && {hash: latest.hash}),
        reason: latest.reason.slice(0, reasonMax),
        at: new Date(latest.at).toISOString(),
      },
    }),
    parts,
  };
}
