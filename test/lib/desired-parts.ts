import {type DesiredParts, openDesiredParts} from '../../cmd/controller/desired-parts.ts';
import type {IdentityParts} from '../../cmd/controller/identity/identity-parts.ts';
import {systemClock} from '../../cmd/system-clock.ts';
import type {ControlStore} from '../../core/control/control-store.ts';
import {openIdentityParts, quietLog, testSealing} from './identity-parts.ts';

/** What a controller has besides health and Git: who may do what, and what the nodes should do. */
export async function openTestDesired(
  store: ControlStore,
  {hasGit = false} = {},
): Promise<{identity: IdentityParts; desired: DesiredParts}> {
  const identity = openIdentityParts(store);
  const parts = {store, sealing: testSealing, clock: systemClock, log: quietLog};
  return {identity, desired: await openDesiredParts({...parts, identity, hasGit})};
}
