import {execFile, execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {afterEach, expect, test} from 'vitest';
import type {TreeFormat} from '../../core/query/tree-format.ts';
import {readAnswer} from '../lib/read-formats.ts';
import {Site} from '../lib/site.ts';
import {makeStrangeTree} from '../lib/strange-tree.ts';

const run = promisify(execFile);
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-formats-'));
  cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
  return directory;
}

async function liveSite(directory: string): Promise<Site> {
  const site = new Site(directory);
  cleanups.push(() => site.dispose());
  await site.start();
  await site.live();
  return site;
}

/** As a script would ask, with what it finds in the headers and behind the body. */
async function curl(site: Site, query: string): Promise<{body: Buffer; headers: Map<string, string>}> {
  const headersFile = join(temporary(), 'headers');
  const key = 'Authorization: Bearer key-of-the-scripts';
  const args = ['--silent', '--show-error', '--fail', '--dump-header', headersFile, '--header', key];
  const {stdout} = await run('curl', [...args, `${site.url}/api/v1/fs/tree?${query}`], {
    encoding: 'buffer',
    maxBuffer: 2 ** 28,
  });
  const lines = readFileSync(headersFile, 'latin1').matchAll(/^([\w-]+): (.*)\r$/gm);
  return {body: stdout, headers: new Map([...lines].map(([, name, value]) => [name!.toLowerCase(), value!]))};
}

/** What `find -print0` prints, as paths of the view. */
function found(directory: string): string[] {
  const printed = execFileSync('find', ['.', '-print0'], {cwd: directory, maxBuffer: 2 ** 28}).toString('latin1');
  return printed
    .split('\0')
    .slice(0, -1)
    .map(path => path.slice(1) || '/')
    .sort();
}

test('every format tells what find does, whatever the names, and what the state of the view is', async () => {
  const directory = temporary();
  cleanups.push(await makeStrangeTree(join(directory, 'strange')));
  const site = await liveSite(directory);
  await site.same();
  const wanted = found(directory);
  expect(wanted.length).toBeGreaterThan(50);
  for (const format of ['json', 'ndjson', 'paths', 'paths0', 'cbor'] satisfies TreeFormat[]) {
    const {body, headers} = await curl(site, `recursive=true&format=${format}`);
    const {entries, meta} = readAnswer(format, body);
    expect({format, paths: entries.map(({path}) => path).sort()}).toEqual({format, paths: wanted});
    const state = meta
      ? [meta.complete, meta.sync, meta.seq]
      : [headers.get('fustor-complete') === 'true', headers.get('fustor-sync'), Number(headers.get('fustor-seq'))];
    expect(state).toEqual([true, 'live', (await site.status()).meta.seq]);
  }
  const {body} = await curl(site, 'recursive=true&format=paths0');
  expect(body.toString('latin1').split('\0').slice(0, -1).sort()).toEqual(wanted);
  const lines = (await curl(site, 'recursive=true&format=paths')).body.toString('latin1').split('\n').slice(0, -1);
  expect(lines.length).toBe(wanted.length);
  expect(lines.filter(line => !line.startsWith('/'))).toEqual(['\\/strange/new\\nline']);
});

test('fields are those that were asked for; others are refused with those that there are', async () => {
  const directory = temporary();
  writeFileSync(join(directory, 'file'), 'four');
  const site = await liveSite(directory);
  const {body} = await curl(site, 'path=/file&format=ndjson&fields=size,name');
  expect(body.toString().split('\n')[0]).toBe('{"name":"file","size":4}');
  const refused = await site.get('/api/v1/fs/tree?fields=name,sise');
  expect(refused.status).toBe(400);
  expect(JSON.parse(refused.text).error.message).toMatch(
    /"fields" is .*name, path, content_type, size, modified_time, changed_time/,
  );
  for (const query of ['format=paths&fields=name', 'only_path=true&fields=name', 'format=xml']) {
    expect((await site.get(`/api/v1/fs/tree?${query}`)).status).toBe(400);
  }
});

// Small pages have the cursor in a header, large ones behind the body.
test.each([400, 3_000])(
  'pages of %i paths have what stays exactly once, while other files come and go',
  async limit => {
    const directory = temporary();
    for (let i = 0; i < 40; i++) {
      mkdirSync(join(directory, `directory-${i}`));
      for (let j = 0; j < 200; j++) writeFileSync(join(directory, `directory-${i}`, `stays-${j}`), '');
    }
    const site = await liveSite(directory);
    await site.same();
    const staying = found(directory);
    let isOver = false;
    const comeAndGo = async () => {
      for (let i = 0; !isOver; i++) {
        const folder = join(directory, `directory-${i % 40}`);
        writeFileSync(join(folder, `comes-${i}`), '');
        mkdirSync(join(directory, `stranger-${i}`));
        if (i > 20) rmSync(join(directory, `directory-${(i - 20) % 40}`, `comes-${i - 20}`));
        await new Promise(resolve => setTimeout(resolve, 1)); // or nobody else gets a turn
      }
    };
    const changing = comeAndGo();
    const paths: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const query = `recursive=true&format=paths0&limit=${limit}${cursor === undefined ? '' : `&cursor=${cursor}`}`;
      const {body, headers} = await curl(site, query);
      paths.push(...body.toString('latin1').split('\0').slice(0, -1));
      cursor = headers.get('fustor-next-cursor');
      pages++;
      if (cursor !== undefined) expect(headers.has('trailer')).toBe(limit === 3_000);
    } while (cursor !== undefined);
    isOver = true;
    await changing;
    expect(pages).toBeGreaterThan(2);
    const kept = new Set(staying);
    expect(paths.filter(path => kept.has(path)).sort()).toEqual(staying);
  },
);
