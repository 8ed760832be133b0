import {isDeepStrictEqual} from 'node:util';
import type {Site} from './site.ts';

/** The sections that say who may do what. */
const sections = ['keys', 'users'] as const;

/** What one site says of who may do what and the other one does not, as `keys.NAME`. */
export function accessChanges(before: Site, after: Site): string[] {
  return sections.flatMap(section => {
    const [earlier, later] = [before[section], after[section]];
    const names = new Set([...earlier.keys(), ...later.keys()]);
    const isSame = (name: string) => isDeepStrictEqual(earlier.get(name)?.settings, later.get(name)?.settings);
    return [...names].filter(name => !isSame(name)).map(name => `${section}.${name}`);
  });
}
