import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {expect, test} from 'vitest';

/** Imports point one way; tests beside the code obey too. */
const mayImport: Record<string, string[]> = {
  core: [],
  store: ['core'],
  drivers: ['core'],
  cmd: ['core', 'drivers', 'store', 'package.json'], // the version
};
const root = join(import.meta.dirname, '..');

for (const [layer, others] of Object.entries(mayImport)) {
  test(`${layer} imports only ${['itself', ...others].join(', ')}`, () => {
    const wrong = sources(layer).flatMap(file =>
      relativeImports(file)
        .map(target => relative(root, join(dirname(file), target)))
        .filter(target => ![layer, ...others].includes(target.split('/')[0]!))
        .filter(target => !(isTest(file) && target.startsWith('test/lib/')))
        .map(target => `${relative(root, file)} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });
}

test('drivers do not know each other', () => {
  const wrong = sources('drivers').flatMap(file => {
    const own = relative(root, file).split('/').slice(0, 2).join('/');
    return relativeImports(file)
      .map(target => relative(root, join(dirname(file), target)))
      .filter(target => target.startsWith('drivers/') && !target.startsWith(`${own}/`))
      .map(target => `${relative(root, file)} imports ${target}`);
  });
  expect(wrong).toEqual([]);
});

test('core uses no socket, file, process or clock of its own', () => {
  const wrong = sources('core')
    .filter(file => !isTest(file))
    .flatMap(file => {
      const text = readFileSync(file, 'utf8');
      const found = text.match(
        /from 'node:(fs|net|http|https|child_process|worker_threads|os|dgram)[/\w]*'|Date\.now\(|Math\.random\(|\bprocess\.env\b/g,
      );
      return (found ?? []).map(use => `${relative(root, file)}: ${use}`);
    });
  expect(wrong).toEqual([]);
});

function sources(layer: string): string[] {
  return readdirSync(join(root, layer), {recursive: true, withFileTypes: true})
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => join(entry.parentPath, entry.name));
}

function relativeImports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import\(|import)\s*'(\.[^']+)'/g)].map(match => match[1]!);
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts') || file.endsWith('.contract.ts');
}
