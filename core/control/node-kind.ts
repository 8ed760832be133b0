import {FustorError} from '../errors/fustor-error.ts';
import type {StoredAgent} from './control-store.ts';
import type {NodeKind} from './protocol.ts';

/** Agents and fusions share their names here: two that speak under one would undo each other's commands. */
export function refuseOtherKind(known: StoredAgent | undefined, kind: NodeKind): void {
  if (!known || known.kind === kind) return;
  throw new FustorError(
    'IDENTITY_CONFLICT',
    `The name "${known.id}" is that of the ${known.kind} on ${known.shell.host}.`,
    {
      hint: `Give this ${kind} another id.`,
    },
  );
}
