import {mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import type {FustorError} from '../../core/errors/fustor-error.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {difference, writeUnits} from './write-units.ts';

const socket = {name: 'a.socket', text: '[Socket]\nBacklog=1\n'};
const service = {name: 'a.service', text: '[Service]\nUser=x\nRestart=always\n'};

function refusal(body: () => unknown): FustorError {
  try {
    body();
  } catch (error) {
    return error as FustorError;
  }
  throw new Error('It was not refused.');
}

test('units are written for all to read, and the same ones are left alone', () => {
  using folder = temporaryFolder();
  const where = {directory: folder.path, isForced: false};
  const paths = [join(folder.path, 'a.socket'), join(folder.path, 'a.service')];
  expect(writeUnits([socket, service], where)).toEqual(paths.map(path => ({path, change: 'new'})));
  expect(readFileSync(paths[1]!, 'utf8')).toBe(service.text);
  expect(statSync(paths[1]!).mode & 0o777).toBe(0o644);
  const {ino} = statSync(paths[0]!);
  expect(writeUnits([socket, service], where)).toEqual(paths.map(path => ({path, change: 'unchanged'})));
  expect(statSync(paths[0]!).ino).toBe(ino);
  expect(readdirSync(folder.path).sort()).toEqual(['a.service', 'a.socket']);
});

test('what somebody has changed is shown and not replaced, and nothing else is written; unless it is forced', () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'a.service');
  writeFileSync(path, '[Service]\nUser=y\nRestart=always\nNice=5\n');
  const error = refusal(() => writeUnits([socket, service], {directory: folder.path, isForced: false}));
  expect(error.code).toBe('UNITS_NOT_WRITTEN');
  expect(error.message.split('\n')).toEqual([
    'There are other units. What would change:',
    `${path}:`,
    '  - User=y',
    '  + User=x',
    '  - Nice=5',
  ]);
  expect(readdirSync(folder.path)).toEqual(['a.service']);
  const written = writeUnits([socket, service], {directory: folder.path, isForced: true});
  expect(written.map(({change}) => change)).toEqual(['new', 'replaced']);
  expect(readFileSync(path, 'utf8')).toBe(service.text);
});

test('a folder that is not there, or where a unit is a folder, is an error that names it', () => {
  using folder = temporaryFolder();
  const missing = join(folder.path, 'nothing');
  expect(refusal(() => writeUnits([service], {directory: missing, isForced: false}))).toMatchObject({
    code: 'UNITS_NOT_WRITTEN',
    message: `Cannot write ${missing}/a.service: there is no such folder.`,
  });
  mkdirSync(join(folder.path, 'a.service'));
  expect(refusal(() => writeUnits([service], {directory: folder.path, isForced: true}))).toMatchObject({
    code: 'UNITS_NOT_WRITTEN',
  });
});

test('a difference has the lines that go and come, in their order', () => {
  expect(difference('a\nb\nc\nd', 'a\nx\nc\nd\ne')).toEqual(['- b', '+ x', '+ e']);
  expect(difference('', 'a')).toEqual(['- ', '+ a']);
  expect(difference('a', 'a')).toEqual([]);
});
