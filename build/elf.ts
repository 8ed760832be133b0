import {run} from './run.ts';

/** The newest symbol version of each library family that an ELF file asks for: `GLIBC` → `2.28`. */
export type RequiredVersions = Map<string, string>;

/** readelf reads every architecture, so the host's own will do. */
export async function requiredVersions(file: string): Promise<RequiredVersions> {
  const needs = await run('readelf', ['--version-info', '--wide', file]);
  const required: RequiredVersions = new Map();
  for (const [, family, version] of needs.matchAll(/Name: (GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+) {2}Flags/g)) {
    if (compareVersions(version!, required.get(family!) ?? '0') > 0) required.set(family!, version!);
  }
  return required;
}

export type DynamicSymbol = {
  name: string;
  version: string | undefined;
  isDefined: boolean;
  isWeak: boolean;
  type: string;
};

export async function dynamicSymbols(file: string): Promise<DynamicSymbol[]> {
  const table = await run('readelf', ['--dyn-syms', '--wide', file]);
  const row = /^ +\d+: [\da-f]+ +\S+ (\S+) +(\S+) +\S+ +(?:\[.*?\] +)?(\S+) ([^@\s]+)(?:@@?(\S+))?/gm;
  return Array.from(table.matchAll(row), ([, type, bind, section, name, version]) => ({
    name: name!,
    version,
    isDefined: section !== 'UND',
    isWeak: bind === 'WEAK',
    type: type!,
  }));
}

/** Of dotted numbers, like a sort function. */
export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', {numeric: true});
}
