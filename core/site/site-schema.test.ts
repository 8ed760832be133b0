import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {parse} from 'yaml';
import {allSettings} from '../config/settings.ts';
import {composeStrict} from './compose.ts';
import {readSiteFile} from './site-file.ts';
import {siteSchema} from './site-schema.ts';

const name = 'site.example.yaml';
const text = readFileSync(join(import.meta.dirname, name), 'utf8');

test('the example is a site, and shows every section and every setting that only sites have', () => {
  const {site} = composeStrict(new Map([[name, text]]), {credentials: new Set(['scripts']), read: readSiteFile});
  expect([...site.agents.keys()]).toEqual(['node-a']);
  const shown = parse(text) as Record<string, Record<string, object>>;
  const known = allSettings(siteSchema).map(setting => setting.split('.'));
  expect(Object.keys(shown).sort()).toEqual([...new Set(known.map(([section]) => section))].sort());
  for (const section of ['datastores', 'fusions', 'agents', 'users', 'keys'] as const) {
    const settings = new Set(Object.values(shown[section]!).flatMap(one => Object.keys(one)));
    for (const [of, , setting] of known) if (of === section) expect([...settings]).toContain(setting);
  }
});
