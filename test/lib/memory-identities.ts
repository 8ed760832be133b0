import {hash} from 'node:crypto';
import type {Identities} from '../../core/control/manifests.ts';
import type {KeyHash} from '../../core/site/node-config.ts';
import {goodCredentials} from './site-files.ts';

/** Who may do what, as the test says. */
export class MemoryIdentities implements Identities {
  readonly credentials = new Map(Object.entries(goodCredentials));
  /** By agent. */
  readonly tokens = new Map<string, string>();
  readonly revoked = new Set<string>();
  keys: KeyHash[] = [];

  tokensOf(agent: string): string[] {
    const token = this.tokens.get(agent);
    return token === undefined ? [] : [hash('sha256', token)];
  }

  apiKeys(): readonly KeyHash[] {
    return this.keys;
  }

  isRevoked(kind: string, id: string): boolean {
    return this.revoked.has(`${kind} ${id}`);
  }

  credential(name: string): string | undefined {
    return this.credentials.get(name);
  }

  credentialNames(): ReadonlySet<string> {
    return new Set(this.credentials.keys());
  }
}
