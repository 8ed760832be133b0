import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type CannedFusion, listen, startCannedFusion} from '../../test/lib/canned-fusion.ts';
import {blindSpots} from './commands/blind-spots.ts';
import {jobs} from './commands/jobs.ts';
import {scan} from './commands/scan.ts';
import {stat} from './commands/stat.ts';
import {status} from './commands/status.ts';
import {suspects} from './commands/suspects.ts';
import {tree} from './commands/tree.ts';
import {runVerb, type Verb} from './verb.ts';

let fusion: CannedFusion;
beforeAll(async () => {
  fusion = await startCannedFusion();
});
afterAll(() => fusion.stop());

describe('tree', () => {
  test('lists a directory as a table, each entry on one line', async () => {
    const {exit, out, err} = await run(tree, ['/data']);
    expect(out).toBe(`\
TYPE                  SIZE  MODIFIED                        STATE    PATH
directory                -  2023-11-14T22:13:20Z            -        /data
file                    12  2023-11-14T22:13:20.000000001Z  suspect  /data/a\\nb
directory                -  2023-11-14T22:13:20.5Z          -        /data/sub
file                     1  1970-01-01T00:00:01.10Z         -        /data/sub/one
`);
    expect({exit, err}).toEqual({exit: 0, err: ''});
    expect(fusion.asked).toEqual(['/views/research/fs/tree?path=%2Fdata&limit=10000']);
  });

  test('follows the pages of a great tree and tells each entry once', async () => {
    const {out} = await run(tree, ['data', '-R']);
    expect(out.split('\n').map(line => line.slice(69))).toEqual([
      'PATH',
      '/data',
      '/data/a\\nb',
      '/data/sub',
      '/data/sub/one',
      '/data/sub/\\377',
      '/data/z',
      '',
    ]);
    expect(fusion.asked).toEqual([
      '/views/research/fs/tree?path=%2Fdata&recursive=true&limit=10000',
      '/views/research/fs/tree?path=%2Fdata&recursive=true&cursor=2&limit=10000',
    ]);
  });

  test('joins the pages to one JSON document whose numbers keep their digits', async () => {
    const {out} = await run(tree, ['/data', '-R', '-o', 'json']);
    expect(out).toContain('"modified_time":1700000000.000000001,');
    expect(out).toContain('"modified_time":1.10}');
    expect(JSON.parse(out)).toMatchObject({
      data: {
        path: '/data',
        children: [{size: 12}, {name: 'sub', children: [{name: 'one'}, {name_b64: '_w'}]}, {name: 'z'}],
      },
      meta: {view: 'research', complete: true, next_cursor: null},
    });
  });

  test('prints paths for programs as bytes, one a line whatever is in it, for eyes escaped', async () => {
    expect((await run(tree, ['/data', '-R', '--only-path'])).bytes).toEqual(
      Buffer.concat([
        Buffer.from('/data\n\\/data/a\\nb\n/data/sub\n/data/sub/one\n/data/sub/'),
        Buffer.of(0xff),
        Buffer.from('\n/data/z\n'),
      ]),
    );
    expect((await run(tree, ['/data', '--only-path'], {isTerminal: true})).out).toContain('/data/a\\nb\n');
    expect((await run(tree, ['/data', '-0'])).out).toBe('/data\0/data/a\nb\0/data/sub\0/data/sub/one\0');
    expect(fusion.asked[0]).toContain('only_path=true');
  });

  test('asks for a path that is not UTF-8 by its bytes', async () => {
    const {out} = await run(tree, ['--path-b64', 'L_8', '--only-path'], {isTerminal: true});
    expect(out).toBe('/\\377\n/\\377/x\n');
    expect(fusion.asked[0]).toContain('path_b64=L_8');
  });

  test('stops at a limit and says how to go on', async () => {
    const {out, err} = await run(tree, ['/data', '-R', '--limit', '3']);
    expect(out.split('\n')).toHaveLength(6);
    expect(err).toBe('There is more: go on with --cursor 2\n');
    await run(tree, ['/data', '--depth', '2', '--cursor', 'abc', '--limit', '5']);
    expect(fusion.asked[0]).toBe('/views/research/fs/tree?path=%2Fdata&recursive=true&max_depth=2&cursor=abc&limit=5');
  });

  test('tells "does not exist" from "not seen yet"', async () => {
    expect(await run(tree, ['/gone'])).toMatchObject({
      exit: 1,
      err: 'fustorctl: Nothing is known of /gone.\nIt does not exist: everything there has been seen.\n',
    });
    expect(await run(tree, ['/later'])).toMatchObject({
      exit: 1,
      err: expect.stringContaining(
        'It may exist: not everything there has been seen yet (the first snapshot is running).',
      ),
    });
    const {out, err} = await run(tree, ['/later', '-o', 'json']);
    expect(JSON.parse(out)).toMatchObject({error: {code: 'PATH_NOT_FOUND'}, meta: {complete: false}});
    expect(err).toBe('');
  });

  test('an error after the first page leaves the answer unfinished and is told on stderr', async () => {
    const {exit, out, err} = await run(tree, ['/broken', '-R', '-o', 'json']);
    expect(() => JSON.parse(out)).toThrow();
    expect(JSON.parse(err)).toEqual({error: {code: 'INTERNAL', message: 'A bug.'}});
    expect(exit).toBe(1);
  });

  test('ends quietly when its reader has seen enough', async () => {
    const gone = Object.assign(new Error('write EPIPE'), {code: 'EPIPE'});
    const {exit, err} = await run(tree, ['/data'], {write: () => Promise.reject(gone)});
    expect({exit, err}).toEqual({exit: 0, err: ''});
  });
});

describe('stat', () => {
  test('shows all fields, and that the view is not complete', async () => {
    const {out, err} = await run(stat, ['/a'], {env: {FUSTOR_VIEW: ''}});
    expect(out).toBe(`\
path           /a
content_type   file
size           7
modified_time  2023-11-14T22:13:20.123456789Z
totals.files   1
`);
    expect(err).toBe('Not everything here has been seen yet (the first snapshot is running).\n');
    expect(fusion.asked).toEqual(['/fs/stat?path=%2Fa']);
  });

  test('passes the answer on as JSON', async () => {
    const {out} = await run(stat, ['/a', '-ojson'], {env: {FUSTOR_VIEW: ''}});
    expect(out).toContain('"modified_time": 1700000000.123456789,');
  });
});

describe('status', () => {
  test('shows one view, and is 0 when it is fed', async () => {
    const {exit, out} = await run(status, []);
    expect(out).toBe(`\
view      research
sync      live
complete  true
leader    node-a

agents:
ID      LAG
node-a  0.25
`);
    expect(exit).toBe(0);
  });

  test('shows all views of the key, and is 1 when one is not fed', async () => {
    const {exit, out} = await run(status, [], {env: {FUSTOR_VIEW: ''}});
    expect(out.split('\n')).toEqual([
      'VIEW      SYNC   COMPLETE  LAST EVENT AT  LEADER  AGENTS  SUSPECT  BLIND SPOT',
      'research  live   true      -              node-a  1       -        -',
      'archive   stale  true      -              -       0       -        -',
      '',
    ]);
    expect(exit).toBe(1);
  });
});

describe('scan', () => {
  test('asks for a scan and shows the job, without waiting', async () => {
    const {exit, out} = await run(scan, ['/d', '--no-recursive', '-o', 'json']);
    expect({exit, ...JSON.parse(out).data}).toMatchObject({exit: 0, state: 'queued', path: '/d', recursive: false});
    expect(fusion.asked).toEqual(['/views/research/fs/scan']);
  });

  test('with --wait follows it to its end: 0 when it is done, 1 when it failed', async () => {
    const progress: string[] = [];
    const done = await run(scan, ['d', '--wait'], {progress: text => void progress.push(text)});
    expect({exit: done.exit, out: done.out}).toEqual({exit: 0, out: expect.stringMatching(/^state +done$/m)});
    expect(progress).toEqual([
      'Waiting for the agent that leads …',
      'node-a scans: 3 directories, 40 entries so far …',
      '',
    ]);
    const failed = await run(scan, ['/bad', '--wait']);
    expect({exit: failed.exit, out: failed.out}).toEqual({
      exit: 1,
      out: expect.stringMatching(/^reason +the storage is not mounted$/m),
    });
  });

  test('with --wait and --timeout it is left to itself when it takes longer', async () => {
    const {exit, out, err} = await run(scan, ['/endless', '--wait', '--timeout', '2s']);
    expect({exit, out}).toEqual({exit: 6, out: expect.stringMatching(/^state +queued$/m)});
    expect(err).toBe('It has not ended after 2 s, and goes on: "fustorctl wait --for job=job-of-/endless".\n');
  });

  test('a fusion that has too many is an error with its code', async () => {
    expect(await run(scan, ['/many'])).toMatchObject({exit: 1, err: expect.stringContaining('A hundred scans wait')});
  });
});

describe('lists', () => {
  test('jobs are a table, one job all its fields', async () => {
    const {out} = await run(jobs, ['--state', 'running', '--limit', '5']);
    expect(out.split('\n')[1]).toMatch(
      /^j1 +on_demand +running +- +2026-01-01T00:00:00.000Z +- +node-a +3 +40 +\/d +-$/,
    );
    expect(fusion.asked).toEqual(['/views/research/jobs?state=running&limit=5']);
    await run(scan, ['/d']);
    expect((await run(jobs, ['job-of-/d'])).out).toMatch(/^progress.entries +40$/m);
    expect(await run(jobs, ['nothing'])).toMatchObject({exit: 1});
  });

  test('blind spots are told page by page', async () => {
    const {out} = await run(blindSpots, []);
    expect(out).toBe(`\
CHANGE    FOUND AT                  PATH
created   2026-01-01T00:00:00.000Z  /a\\nb
deleted   2026-01-01T00:00:00.000Z  /\\377
`);
    expect(fusion.asked).toEqual([
      '/views/research/fs/blind-spots?path=%2F&limit=10000',
      '/views/research/fs/blind-spots?path=%2F&cursor=next&limit=10000',
    ]);
    const json = JSON.parse((await run(blindSpots, ['-o', 'json'])).out);
    expect(json).toMatchObject({data: [{change: 'created'}, {path_b64: 'L_8'}], meta: {next_cursor: null}});
    expect((await run(blindSpots, ['/a', '--limit', '2'])).err).toBe('There is more: go on with --cursor next\n');
  });

  test('suspects keep the digits of their times', async () => {
    expect((await run(suspects, [])).out).toBe(`\
           SIZE  MODIFIED TIME                   EXPIRES AT                PATH
             12  2023-11-14T22:13:20.000000001Z  2026-01-01T00:00:00.000Z  /f
`);
    expect((await run(suspects, ['-o', 'json'])).out).toContain('"modified_time":1700000000.000000001}');
  });
});

describe('errors', () => {
  test.each([
    [tree, ['/conflict'], {}, 5, 'Another change came first.'],
    [tree, ['/data'], {FUSTOR_KEY: ''}, 4, 'No key was sent.\nSend one.'],
    [tree, ['/data'], {FUSTOR_KEY: 'another-key'}, 4, 'Not with this key.'],
    [stat, ['/data', '--path-b64', 'L2E'], {}, 2, 'Give either PATH or --path-b64.'],
    [stat, ['a', 'b'], {}, 2, 'Too many arguments.'],
    [tree, ['--limit', '0'], {}, 2, 'A whole number from 1 is wanted.'],
    [tree, ['-o', 'xml'], {}, 2, 'Allowed choices are table, wide, json, yaml, name.'],
    [status, ['--view', 'no/view'], {}, 2, 'The view "no/view" is not a name'],
  ])('%o %j %j ends with its exit code', async (verb, args, env, code, message) => {
    const {exit, out, err} = await run(verb as Verb<object>, args, {env});
    expect(err).toContain(message);
    expect({exit, out}).toEqual({exit: code, out: ''});

    const json = await run(verb as Verb<object>, ['-o', 'json', ...args], {env});
    const asJson = args.includes('xml') || JSON.parse(json.out).error.message.includes(message.split('\n')[0]);
    expect({exit: json.exit, asJson}).toEqual({exit: code, asJson: true});
  });

  test.each(['/proxy', '/moved', '/nothing'])('%s is not the address of a fusion', async base => {
    const {exit, err} = await run(status, ['--endpoint', `${fusion.url}${base}`]);
    expect(err).toContain('Check that the endpoint is the address of a fusion');
    expect(exit).toBe(3);
  });

  test('an answer that does not come is a time-out', async () => {
    const silent = await listen(() => new Promise<Response>(() => {}));
    const {exit, err} = await run(tree, ['/', '--endpoint', silent.url, '--timeout', '50ms']);
    await silent.stop();
    expect(err).toContain('did not answer within 0.05 s.');
    expect(exit).toBe(6);
  });

  test('help tells the exit codes', async () => {
    const {exit, out} = await run(tree, ['--help']);
    expect(out).toMatch(/--only-path[\s\S]*Exit codes:\n {2}0 {2}done/);
    expect(exit).toBe(0);
  });
});

type Settings = {
  env?: NodeJS.ProcessEnv;
  isTerminal?: boolean;
  write?: () => Promise<void>;
  progress?: (text: string) => void;
};

async function run<F extends object>(
  verb: Verb<F>,
  args: string[],
  {env = {}, isTerminal = false, write, progress}: Settings = {},
) {
  fusion.asked.length = 0;
  const chunks: Buffer[] = [];
  let err = '';
  const exit = await runVerb(verb, args, {
    env: {FUSTOR_ENDPOINT: fusion.url, FUSTOR_KEY: 'key-of-scripts', FUSTOR_VIEW: 'research', ...env},
    isTerminal,
    progress,
    write: write ?? (async data => void chunks.push(Buffer.from(data as string))),
    notice: text => {
      err += `${text}\n`;
    },
  });
  const bytes = Buffer.concat(chunks);
  return {exit, bytes, out: bytes.toString(), err};
}
