import type {ControlStore} from '../../core/control/control-store.ts';
import type {Given} from '../../core/control/health/facts.ts';
import type {StoredIdentity} from '../../core/identity/identities.ts';

/** Who has enrolled, and until when their certificates are good, for health. */
export function identityFacts(
  store: ControlStore,
  {lifetimeMs}: {lifetimeMs: number | undefined},
): Pick<Given, 'enrolled' | 'certificates'> {
  const all = store.read(txn => txn.records<StoredIdentity>('identities')).map(({value}) => value);
  const active = all.filter(({revokedAt}) => revokedAt === 0);
  return {
    enrolled: active.map(({kind, id, enrolledAt}) => ({kind, id, at: enrolledAt})),
    certificates: active.flatMap(({kind, id, certificateUntil: notAfter}) =>
      notAfter === undefined || lifetimeMs === undefined
        ? []
        : [{kind, id, notBefore: notAfter - lifetimeMs, notAfter}],
    ),
  };
}
