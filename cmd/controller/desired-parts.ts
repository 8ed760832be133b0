import type {KeyObject} from 'node:crypto';
import {ConfigAuthority} from '../../core/control/config-authority.ts';
import type {ControlStore} from '../../core/control/control-store.ts';
import {Manifests} from '../../core/control/manifests.ts';
import {openSigningKey} from '../../core/control/signing-key-record.ts';
import type {Sealing} from '../../core/identity/sealing.ts';
import type {Log} from '../../core/log/log.ts';
import {wantedOf} from '../../core/site/wanted.ts';
import type {Clock} from '../../core/time/clock.ts';
import type {IdentityParts} from './identity/identity-parts.ts';
import type {GitParts} from './routes/git.ts';

/** What the nodes should do, and the manifests that say it. */
export type DesiredParts = {authority: ConfigAuthority; manifests: Manifests; publicKey: KeyObject};

type Parts = {
  store: ControlStore;
  sealing: Sealing;
  clock: Clock;
  log: Log;
  identity: Pick<IdentityParts, 'identities' | 'apiKeys' | 'credentials'>;
  hasGit: boolean;
};

export async function openDesiredParts({identity, ...parts}: Parts): Promise<DesiredParts> {
  const {identities: nodes, apiKeys, credentials} = identity;
  const identities = {
    tokensOf: (agent: string) => nodes.tokensOf(agent),
    isRevoked: (kind: 'agent' | 'fusion', id: string) => nodes.isRevoked({kind, id}),
    apiKeys: () => apiKeys.keys(),
    credential: (name: string) => credentials.value(name),
    credentialNames: () => new Set(credentials.list().map(({name}) => name)),
  };
  const {publicKey, ...key} = await openSigningKey(parts.store, parts.sealing);
  const manifests = new Manifests({...parts, key, identities});
  const authority = new ConfigAuthority({...parts, manifests, identities});
  await authority.refresh();
  return {authority, manifests, publicKey};
}

/** What health compares with what is. Without a revision nothing is missing and nothing is too much. */
export function desiredFacts({authority, manifests}: DesiredParts, git: GitParts | undefined) {
  const {revision, pin} = authority.status();
  const state = git?.follower.state();
  // What is failing now was good until then.
  const goodAt = state?.state === 'failing' ? state.since : state?.checked_at;
  return {
    revision: revision?.number,
    pin,
    unmade: manifests.all().flatMap(({kind, id, problem}) => (problem ? [{kind, id, ...problem}] : [])),
    desired: revision && wantedOf(authority.site(), node => manifests.get(node)?.signature),
    git: state && {
      failing: state.state === 'failing' ? {reason: state.reason ?? '', since: Date.parse(state.since)} : undefined,
      goodAt: goodAt === null || goodAt === undefined ? undefined : Date.parse(goodAt),
    },
  };
}

/** Has the manifests follow whoever may do what, at once. */
export async function followIdentities(
  {identities, apiKeys, credentials}: Parts['identity'],
  {authority}: DesiredParts,
  {signal, log, clock}: {signal: AbortSignal; log: Log; clock: Clock},
): Promise<void> {
  const follow = async ({changed}: {changed: typeof identities.changed}) => {
    let seen = changed.count;
    while (!signal.aborted) {
      await changed.wait(signal, seen);
      const now = changed.count;
      if (signal.aborted) return;
      try {
        await authority.refresh();
        seen = now;
      } catch (error) {
        log.error({error: String(error)}, 'the manifests do not follow who may do what; it is tried again');
        await clock.sleep(retryMs, signal);
      }
    }
  };
  await Promise.all([follow(identities), follow(apiKeys), follow(credentials)]);
}

/** A full disk, say. */
const retryMs = 1_000;
