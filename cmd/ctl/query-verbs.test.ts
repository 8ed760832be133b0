import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type CannedFusion, startCannedFusion} from '../../test/lib/canned-fusion.ts';
import {runAt, type VerbSettings} from '../../test/lib/run-verb.ts';
import {changes} from './commands/changes.ts';
import {du} from './commands/du.ts';
import {find} from './commands/find.ts';
import type {Verb} from './verb.ts';

let fusion: CannedFusion;
beforeAll(async () => {
  fusion = await startCannedFusion();
});
afterAll(() => fusion.stop());

function run<F extends object>(verb: Verb<F>, args: string[], settings?: VerbSettings) {
  fusion.asked.length = 0;
  return runAt(fusion.url, verb, args, settings);
}

describe('du', () => {
  test('shows the children, the greatest first, and their sum last', async () => {
    const {exit, out, err} = await run(du, ['/data']);
    expect(out).toBe(`\
SIZE    FILES  NEWEST CHANGE           PATH
3.0KiB  3      2023-11-14T22:13:20.5Z  /data/a\\nb
1.0KiB  1      1970-01-01T00:00:05Z    /data/\\377
4.0KiB  4      2023-11-14T22:13:20.5Z  /data
`);
    expect({exit, err}).toEqual({exit: 0, err: 'There are 10 more children: show them with --limit.\n'});
    expect(fusion.asked).toEqual(['/views/research/fs/stats?path=%2Fdata&children=true&sort=bytes']);
  });

  test('draws bars for eyes, and passes JSON on', async () => {
    const {out} = await run(du, ['/data', '--bytes'], {isTerminal: true});
    expect(out).toContain('3072  3      2023-11-14T22:13:20.5Z  ███████████████ ');
    expect(JSON.parse((await run(du, ['-o', 'json', '--sort', 'files'])).out).data.children).toHaveLength(2);
    expect(fusion.asked).toEqual(['/views/research/fs/stats?path=%2F&children=true&sort=files']);
    const names = Buffer.concat([Buffer.from('\\/data/a\\nb\n/data/'), Buffer.of(0xff, 0x0a)]);
    expect((await run(du, ['/data', '-o', 'name'])).bytes).toEqual(names);
  });
});

describe('changes', () => {
  const lines = `\
         6  created   file                    12  suspect  /a\\nb
         7  moved     directory                -  -        /d → /\\377
`;

  test('shows what changed, and how to go on', async () => {
    const {exit, out, err} = await run(changes, ['/data', '--since', '5']);
    expect({exit, out, err}).toEqual({exit: 0, out: lines, err: 'Go on with --since 8\n'});
    expect(fusion.asked).toEqual([
      '/views/research/fs/changes?path=%2Fdata&since=5&limit=10000',
      '/views/research/fs/changes?path=%2Fdata&since=5&limit=10000&cursor=7',
    ]);
    const json = await run(changes, ['-o', 'json', '--since', '5']);
    expect(JSON.parse(json.out)).toMatchObject({data: [{seq: 6}, {seq: 7}], meta: {to_seq: 8}});
  });

  test('follows what happens over connections that end, each behind the last event', async () => {
    const {exit, out} = await run(changes, ['--follow', '--since', '5', '--limit', '2']);
    expect({exit, out}).toEqual({exit: 0, out: lines});
    expect((await run(changes, ['-f', '--since', '5', '--limit', '1', '-o', 'name'])).out).toBe('\\/a\\nb\n');
    const json = await run(changes, ['-f', '--since', '5', '--limit', '2', '-o', 'json']);
    expect(json.out.split('\n').map(line => (line === '' ? undefined : JSON.parse(line).seq))).toEqual([
      6,
      7,
      undefined,
    ]);
  });

  test('a log that does not reach back, at first or later, ends it with exit code 1', async () => {
    for (const flags of [
      ['--since', '1'],
      ['-f', '--since', '1'],
    ]) {
      expect(await run(changes, flags)).toMatchObject({exit: 1, err: 'fustorctl: The log has ended.\n'});
    }
    expect(await run(changes, ['-f', '--since', '5'])).toMatchObject({
      exit: 1,
      out: lines,
      err: 'fustorctl: You were too slow.\n',
    });
  });

  test('nobody there to ask is told after the time-out', async () => {
    const {exit} = await run(changes, ['-f', '--endpoint', 'http://127.0.0.1:1', '--timeout', '300ms']);
    expect(exit).toBe(3);
  });
});

describe('find', () => {
  const asked = async (args: string[]) => {
    await run(find, args);
    return Object.fromEntries(new URL(`http://x${fusion.asked[0]}`).searchParams);
  };

  test('prints paths: bytes for programs, escaped for eyes', async () => {
    expect((await run(find, ['/data'])).bytes).toEqual(
      Buffer.concat([Buffer.from('\\/a\\nb\n/'), Buffer.of(0xff, 0x0a)]),
    );
    expect((await run(find, ['-0'])).bytes).toEqual(Buffer.concat([Buffer.from('/a\nb\0/'), Buffer.of(0xff, 0)]));
    expect((await run(find, [], {isTerminal: true})).out).toBe('/a\\nb\n/\\377\n');
    expect(JSON.parse((await run(find, ['-o', 'json'])).out).data).toHaveLength(2);
    expect((await run(find, ['--limit', '2'])).err).toContain('--cursor next');
  });

  test('asks for what the flags say', async () => {
    expect(await asked(['/d', '--name', '*.csv', '--type', 'f', '--size', '+1MiB', '-i'])).toEqual({
      ...{path: '/d', pattern: '*.csv', kind: 'file', size_min: '1048576', ignore_case: 'true', limit: '10000'},
    });
    expect(await asked(['--name', 'core', '--size', '-10'])).toMatchObject({pattern: '\\core', size_max: '10'});
    expect(await asked(['--contains', 'core', '--size', '7'])).toMatchObject({
      pattern: 'core',
      size_min: '7',
      size_max: '7',
    });
    expect(await asked(['--contains', 'a*b'])).toMatchObject({pattern: '*a\\*b*'});
    expect(await asked(['--newer', '2026-01-31'])).toMatchObject({modified_after: '2026-01-31'});
    const {modified_before} = await asked(['--older', '2h']);
    expect(Math.abs(Date.now() / 1000 - 7_200 - Number(modified_before))).toBeLessThan(5);
  });

  test.each([
    ['--size', '1gb'],
    ['--newer', 'yesterday'],
    ['--type', 'x'],
  ])('%s %s is refused', async (flag, value) => {
    expect((await run(find, [flag, value])).exit).toBe(2);
  });
});
