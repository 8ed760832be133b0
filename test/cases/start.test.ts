import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, writeFileSync} from 'node:fs';
import {createServer, type Server} from 'node:net';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {processesAbout} from '../chaos/site/census.ts';
import {temporaryFolder} from '../lib/temporary-folder.ts';
import {until} from '../lib/until.ts';

/** What `npm start` runs, from its sources. */
const main = join(import.meta.dirname, '../../cmd/start/main.ts');
const usualPort = 8102;

let folder: ReturnType<typeof temporaryFolder>;
let started: ChildProcess | undefined;
let other: Server | undefined;
beforeEach(() => {
  folder = temporaryFolder('fustor-start-');
  mkdirSync(join(folder.path, 'storage'));
  writeFileSync(join(folder.path, 'storage', 'a file'), 'x');
});
afterEach(async () => {
  other?.close();
  if (started?.exitCode === null) {
    started.kill('SIGINT');
    await once(started, 'exit');
  }
  folder.remove();
});

function start(...args: string[]): () => string {
  let text = '';
  const data = join(folder.path, 'data');
  const all = ['--disable-warning=ExperimentalWarning', main, ...args, '--data', data, join(folder.path, 'storage')];
  started = spawn(process.execPath, all, {stdio: ['ignore', 'pipe', 'pipe']});
  for (const stream of [started.stdout!, started.stderr!]) {
    stream.on('data', part => {
      text += part;
    });
  }
  return () => text;
}

/** Whoever has the port already is as good. */
async function takeUsualPort(): Promise<void> {
  other = createServer();
  const isListening = Promise.withResolvers<void>();
  other.once('error', () => isListening.resolve());
  other.listen(usualPort, '127.0.0.1', isListening.resolve);
  await isListening.promise;
}

test('where the usual port is taken another is used, the printed line works, and Ctrl-C leaves nothing running', async () => {
  await takeUsualPort();
  const said = start();
  const [, key, url] = await until(() => /curl -H 'Authorization: Bearer (\S+)' '(\S+)'/.exec(said()), {
    what: 'the line to try',
  });
  expect(said()).toContain(`Port ${usualPort} is taken; another is used.`);
  const answer = await fetch(url!, {headers: {authorization: `Bearer ${key}`}});
  expect(await answer.json()).toMatchObject({data: {children: [{name: 'a file'}]}, meta: {complete: true}});
  started!.kill('SIGINT');
  expect(await once(started!, 'exit')).toEqual([0, null]);
  expect(processesAbout(folder.path)).toEqual([]);
});

test('a port that was asked for and is taken is an error that names the flag', async () => {
  await takeUsualPort();
  const said = start('--port', String(usualPort));
  const [code] = await once(started!, 'exit');
  expect(code).toBeGreaterThan(0);
  expect(said()).toContain('another process listens there');
  expect(said()).toContain('--port');
});
