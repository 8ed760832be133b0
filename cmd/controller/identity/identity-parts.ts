import {randomBytes} from 'node:crypto';
import type {ControlStore} from '../../../core/control/control-store.ts';
import {ApiKeys} from '../../../core/identity/api-keys.ts';
import {AuditLog} from '../../../core/identity/audit-log.ts';
import {ClonedIdentities} from '../../../core/identity/clones.ts';
import {Credentials} from '../../../core/identity/credentials.ts';
import {EnrolTokens} from '../../../core/identity/enrol-tokens.ts';
import {Identities} from '../../../core/identity/identities.ts';
import type {Sealing} from '../../../core/identity/sealing.ts';
import type {Log} from '../../../core/log/log.ts';
import type {Clock} from '../../../core/time/clock.ts';
import type {Authority} from './authority.ts';

/** Who may do what on a controller. */
export type IdentityParts = {
  identities: Identities;
  enrolTokens: EnrolTokens;
  apiKeys: ApiKeys;
  credentials: Credentials;
  audit: AuditLog;
  clones: ClonedIdentities;
  /** Undefined without TLS. */
  authority: Authority | undefined;
  /** Who signs manifests: public keys, SPKI in PEM, the one in use first. */
  signingKeys: () => readonly string[];
  /** What in the desired state names a credential. */
  usersOfCredential: (name: string) => readonly string[];
};

type Parts = Pick<IdentityParts, 'authority' | 'signingKeys' | 'usersOfCredential'> & {
  store: ControlStore;
  sealing: Sealing;
  clock: Clock;
  log: Log;
};

export function createIdentityParts({store, sealing, clock, log, ...given}: Parts): IdentityParts {
  const randomId = () => randomBytes(6).toString('hex');
  return {
    ...given,
    identities: new Identities({store, clock, log, certifier: given.authority}),
    enrolTokens: new EnrolTokens({store, clock, randomId}),
    apiKeys: new ApiKeys({store, clock}),
    credentials: new Credentials({store, clock, sealing}),
    audit: new AuditLog({store}),
    clones: new ClonedIdentities(),
  };
}
