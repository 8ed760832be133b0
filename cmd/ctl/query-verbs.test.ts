import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type CannedFusion, startCannedFusion} from '../../test/lib/canned-fusion.ts';
import {runAt, type VerbSettings} from '../../test/lib/run-verb.ts';
import {du} from './commands/du.ts';
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
  });
});
