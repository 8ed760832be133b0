import type {ControlStore} from '../../core/control/control-store.ts';
import type {Given} from '../../core/control/health/facts.ts';
import type {StoredIdentity} from '../../core/identity/identities.ts';
import type {Clock} from '../../core/time/clock.ts';
import type {IdentityParts} from './identity/identity-parts.ts';

type Parts = {store: ControlStore; clock: Clock; lifetimeMs: number | undefined};

/** Who has enrolled, which of them are two, and until when their certificates are good. */
export function identityFacts(
  {clones}: Pick<IdentityParts, 'clones'>,
  {store, clock, lifetimeMs}: Parts,
): Pick<Given, 'enrolled' | 'certificates' | 'clones'> {
  const all = store.read(txn => txn.records<StoredIdentity>('identities')).map(({value}) => value);
  const active = all.filter(({revokedAt}) => revokedAt === 0);
  return {
    clones: clones.clones(clock.now()).map(({places, ...rest}) => ({...rest, hosts: places.map(({host}) => host)})),
    enrolled: active.map(({kind, id, enrolledAt}) => ({kind, id, at: enrolledAt})),
    certificates: active.flatMap(({kind, id, certificateUntil: notAfter}) =>
      notAfter === undefined || lifetimeMs === undefined
        ? []
        : [{kind, id, notBefore: notAfter - lifetimeMs, notAfter}],
    ),
  };
}
