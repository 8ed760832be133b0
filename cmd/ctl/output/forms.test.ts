import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {type CannedFusion, startCannedFusion} from '../../../test/lib/canned-fusion.ts';
import {runAt} from '../../../test/lib/run-verb.ts';
import {blindSpots} from '../commands/blind-spots.ts';
import {jobs} from '../commands/jobs.ts';
import {stat} from '../commands/stat.ts';
import {suspects} from '../commands/suspects.ts';
import {tree} from '../commands/tree.ts';
import {formed} from './form.ts';

let fusion: CannedFusion;
beforeAll(async () => {
  fusion = await startCannedFusion();
});
afterAll(() => fusion.stop());

describe('forms', () => {
  test('yaml keeps the digits of numbers and quotes what older readers would take for something else', async () => {
    const {out} = await runAt(fusion.url, tree, ['/data', '-R', '-o', 'yaml']);
    expect(out).toContain('modified_time: 1700000000.000000001\n');
    expect(parse(out)).toMatchObject({
      data: {children: [{size: 12}, {name: 'sub'}, {name: 'z'}]},
      meta: {complete: true},
    });
    expect((await runAt(fusion.url, jobs, ['-o', 'yaml'])).out).toContain('requested_at: "2026-01-01T00:00:00.000Z"\n');
  });

  test('yaml has empty results and errors too', async () => {
    expect(await runAt(fusion.url, tree, ['/conflict', '-oyaml'])).toEqual({
      exit: 5,
      bytes: expect.anything(),
      out: 'error:\n  code: SOMETHING_NEW\n  message: Another change came first.\n',
      err: '',
    });
    expect((await runAt(fusion.url, tree, ['--output=yaml', '--limit', '0'])).out).toContain('code: USAGE');
    expect((await runAt(fusion.url, tree, ['/broken', '-R', '-o', 'yaml'])).out).toContain('code: INTERNAL');
  });

  test('names are paths where there is one, as bytes for programs', async () => {
    expect((await runAt(fusion.url, blindSpots, ['-o', 'name'])).bytes.toString('latin1')).toBe('\\/a\\nb\n/\xff\n');
    expect((await runAt(fusion.url, blindSpots, ['-o', 'name'], {isTerminal: true})).out).toBe('/a\\nb\n/\\377\n');
    expect((await runAt(fusion.url, tree, ['/data', '-o', 'name'])).out).toBe(
      '/data\n\\/data/a\\nb\n/data/sub\n/data/sub/one\n',
    );
    expect((await runAt(fusion.url, stat, ['/a', '-o', 'name'], {env: {FUSTOR_VIEW: ''}})).out).toBe('/a\n');
    expect((await runAt(fusion.url, tree, ['/conflict', '-o', 'name'])).err).toContain('Another change came first.');
  });

  test('wide is the table where there is nothing to add', async () => {
    expect((await runAt(fusion.url, suspects, ['-o', 'wide'])).out).toBe((await runAt(fusion.url, suspects, [])).out);
  });

  test('what never ends is told as it comes', async () => {
    for (const [form, told] of [
      ['yaml', ['path: /a\nseq: 1\n', '---\npath: /b\nseq: 2\n']],
      ['name', ['/a\n', '/b\n']],
    ] as const) {
      const written: string[] = [];
      const io = {
        env: {},
        isTerminal: false,
        notice: () => {},
        write: async (text: unknown) => void written.push(String(text)),
      };
      const out = formed(io, form, undefined);
      await out.write('{"path":"/a","seq":1}\n');
      expect(written).toEqual([told[0]]);
      await out.write('{"path":"/b","seq":2}\n');
      expect(written).toEqual(told);
    }
  });
});
