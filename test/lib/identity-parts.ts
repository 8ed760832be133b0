import {AesSealing} from '../../cmd/controller/identity/aes-sealing.ts';
import {Authority} from '../../cmd/controller/identity/authority.ts';
import {createIdentityParts, type IdentityParts} from '../../cmd/controller/identity/identity-parts.ts';
import {systemClock} from '../../cmd/system-clock.ts';
import type {ControlStore} from '../../core/control/control-store.ts';
import type {Log} from '../../core/log/log.ts';
import type {Clock} from '../../core/time/clock.ts';

export const quietLog: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => quietLog};

/** As a controller has them, without TLS and with a sealing key of its own. */
export function openIdentityParts(store: ControlStore, more: Partial<Made> = {}): IdentityParts {
  const given = {authority: undefined, signingKeys: () => [], usersOfCredential: () => [], clock: systemClock};
  return createIdentityParts({store, sealing: testSealing, log: quietLog, ...given, ...more});
}

type Made = Pick<IdentityParts, 'authority' | 'signingKeys' | 'usersOfCredential'> & {clock: Clock};

export const testSealing = new AesSealing(Buffer.alloc(32, 7), 'the key of the test');

export function openAuthority(
  store: ControlStore,
  lifetimeMs = 3_600_000,
  clock: Clock = systemClock,
): Promise<Authority> {
  return Authority.open({store, sealing: testSealing, clock, lifetimeMs});
}
