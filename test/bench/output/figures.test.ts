import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import type {Row} from '../rows.ts';
import {picture} from './picture.ts';
import {published} from './publish.ts';
import {withTable} from './readme-table.ts';

const root = join(import.meta.dirname, '../../..');
const textOf = (name: keyof typeof published) => readFileSync(join(root, published[name]), 'utf8');
const rows: Row[] = JSON.parse(textOf('rows')).rows;

test("the README's table is what the published figures give", () => {
  expect(withTable(textOf('readme'), rows)).toBe(textOf('readme'));
});

test('the picture is what the published figures give', () => {
  expect(textOf('picture')).toBe(picture(rows));
});
