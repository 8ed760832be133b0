import type {SpawnOptions} from 'node:child_process';
import {chmodSync, closeSync, copyFileSync, openSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {get} from 'node:http';
import {BoundSocket} from 'node:net';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {ScriptProcess} from '../../test/lib/script-process.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function folder(): string {
  const made = temporaryFolder();
  cleanups.push(() => made.remove());
  return made.path;
}

function run(source: string, options: SpawnOptions = {}, executable?: string): ScriptProcess {
  const script = new ScriptProcess(source, options, executable);
  cleanups.push(() => script.kill());
  return script;
}

test('fifty times in its own place: the same process, its listening socket open all the time, no descriptor more', async () => {
  const socket = new BoundSocket({host: '127.0.0.1', port: 0});
  cleanups.push(() => socket.close());
  const {port} = socket.address();
  const process = run(
    `
    import {openSync, readdirSync, readFileSync} from 'node:fs';
    import {createServer} from 'node:http';
    import {setCloseOnExec} from 'cmd/libc.ts';
    import {executeAgain} from 'cmd/shell/execute-again.ts';
    const times = Number(process.env.TIMES ?? 0);
    const server = createServer((_, response) => {
      response.setHeader('connection', 'close').end(String(times));
      if (times < 50) response.on('close', () => executeAgain({keep: [3], env: {TIMES: String(times + 1), SECRET: undefined}}));
    });
    setCloseOnExec(openSync('/dev/null'), false); // would be one more each time if it were handed on
    const blocked = /^SigBlk:\\s+(\\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
    server.listen({fd: 3}, () => {
      const {pid, cwd, argv, env} = process;
      const descriptors = readdirSync('/proc/self/fd').length;
      console.log(JSON.stringify({pid, descriptors, blocked, cwd: cwd(), secret: env.SECRET, name: env.NAME}));
    });
  `,
    {stdio: ['ignore', 'pipe', 'pipe', socket.fd()], cwd: folder(), env: {SECRET: 'x', NAME: 'ä"\n='}},
  );
  const answers: string[] = [];
  for (let times = 0; times <= 50; times++) {
    await process.line(times + 1);
    answers.push(await answer(port));
  }
  expect(answers).toEqual(Array.from({length: 51}, (_, times) => String(times)));
  const told = process.lines.map(line => JSON.parse(line) as Record<string, unknown>);
  const {secret, descriptors, ...first} = told[0]!;
  expect(secret).toBe('x');
  expect(first).toMatchObject({pid: process.pid, blocked: '0000000000000000', name: 'ä"\n='});
  // The first may have got something from whoever started it; the others get what is kept, and no more.
  const later = told[1]!;
  expect(later.descriptors).toBeLessThanOrEqual(descriptors as number);
  expect(later).toMatchObject(first);
  expect(told.slice(1)).toEqual(Array.from({length: 50}, () => later));
}, 120_000);

test('children started before are reaped after, with their exit code or signal', async () => {
  const goAhead = join(folder(), 'go-ahead');
  const process = run(`
    import {spawn} from 'node:child_process';
    import {writeFileSync} from 'node:fs';
    import {executeAgain, reapChild} from 'cmd/shell/execute-again.ts';
    const goAhead = '${goAhead}';
    if (!process.env.CHILDREN) {
      const start = script => spawn('sh', ['-c', script], {stdio: ['ignore', 'ignore', 'inherit'], detached: true}).pid;
      const waiting = start('while [ ! -e ' + goAhead + ' ]; do sleep 0.01; done; exit 7');
      await executeAgain({env: {CHILDREN: [waiting, start('sleep 60'), start('sleep 60')].join()}});
    }
    const [exiting, killed, running] = process.env.CHILDREN.split(',').map(Number);
    const untilReaped = async pid => {
      for (;;) {
        const found = reapChild(pid);
        if (found !== 'running') return found;
        await new Promise(resolve => setTimeout(resolve, 5));
      }
    };
    const ends = [reapChild(exiting)];
    writeFileSync(goAhead, '');
    process.kill(killed, 'SIGKILL');
    ends.push(await untilReaped(exiting), await untilReaped(killed), reapChild(running), reapChild(exiting), reapChild(1));
    process.kill(running, 'SIGKILL');
    await untilReaped(running);
    console.log(JSON.stringify(ends));
  `);
  expect(JSON.parse(await process.line(1))).toEqual([
    'running',
    {code: 7, signal: null},
    {code: null, signal: 'SIGKILL'},
    'running',
    'not-ours',
    'not-ours',
  ]);
});

test('what the kernel refuses changes nothing', async () => {
  const directory = folder();
  const text = join(directory, 'text');
  writeFileSync(text, 'not a program', {mode: 0o755});
  const unreadable = join(directory, 'forbidden');
  writeFileSync(unreadable, '#!/bin/sh\n', {mode: 0o600});
  const busy = join(directory, 'busy');
  copyFileSync('/bin/true', busy);
  chmodSync(busy, 0o755);
  const writer = openSync(busy, 'r+');
  cleanups.push(() => closeSync(writer));
  const process = run(
    `
    import {spawn} from 'node:child_process';
    import {openSync, readFileSync} from 'node:fs';
    import {executeAgain} from 'cmd/shell/execute-again.ts';
    const flags = () => /^flags:\\s+(\\d+)$/m.exec(readFileSync('/proc/self/fdinfo/' + kept, 'latin1'))[1];
    const kept = openSync('/dev/null');
    const before = flags();
    process.on('SIGTERM', () => {
      console.log(JSON.stringify({stops: true, isSame: flags() === before}));
      const child = spawn('sh', ['-c', 'exit 5']);
      child.on('exit', code => {
        console.log(JSON.stringify({code}));
        process.exit(0);
      });
    });
    setInterval(() => {}, 1000);
    for (const [command, keep] of ${JSON.stringify([
      [join(directory, 'nothing'), []],
      [text, []],
      [unreadable, []],
      [busy, []],
      [directory, []],
    ])}) {
      try {
        await executeAgain({keep: [kept], program: {command, args: []}});
      } catch (error) {
        console.log(JSON.stringify({name: error.name, code: error.code, message: error.message}));
      }
    }
    try {
      await executeAgain({keep: [999]});
    } catch (error) {
      console.log(JSON.stringify({name: error.name, code: error.code, message: error.message}));
    }
  `,
  );
  await process.line(6);
  process.child.kill('SIGTERM');
  await process.line(8);
  const lines = process.lines.map(line => JSON.parse(line) as {message: string; code: string});
  expect(lines.slice(0, 6).map(({code}) => code)).toEqual(Array(6).fill('REPLACEMENT_UNUSABLE'));
  expect(lines.slice(0, 6).map(({message}) => message)).toEqual([
    `Cannot execute ${directory}/nothing in place of this process: there is no such file.`,
    `Cannot execute ${text} in place of this process: it is not a program for this machine.`,
    `Cannot execute ${unreadable} in place of this process: this user may not execute it.`,
    `Cannot execute ${busy} in place of this process: it is still being written.`,
    `Cannot execute ${directory} in place of this process: this user may not execute it.`,
    expect.stringContaining('descriptor 999, which it is to keep, is not open.'),
  ]);
  expect(lines.slice(6)).toEqual([{stops: true, isSame: true}, {code: 5}]);
  expect(await process.ended()).toMatchObject({code: 0});
});

test('a SIGTERM is not lost, whenever it comes', async () => {
  for (let delayMs = 0; delayMs < 60; delayMs += 4) {
    const process = run(`
      import {executeAgain} from 'cmd/shell/execute-again.ts';
      process.on('SIGTERM', () => process.exit(0));
      console.log('here');
      setTimeout(() => executeAgain(), 1);
    `);
    await process.line(2);
    setTimeout(() => process.child.kill('SIGTERM'), delayMs);
    const {code, signal} = await process.ended();
    expect(code === 0 || signal === 'SIGTERM').toBe(true);
  }
}, 120_000);

/** Executes itself again on SIGUSR2, under the name by which it was started. */
const onSignal = `
  import {executeAgain} from 'cmd/shell/execute-again.ts';
  process.on('SIGUSR2', () => executeAgain());
  setInterval(() => {}, 1000);
  console.log('old');
`;

function newVersion(path: string): void {
  writeFileSync(path, '#!/bin/sh\necho "new $$"\n', {mode: 0o755});
}

test('a new version that took the name of the running one is what is executed', async () => {
  const directory = folder();
  const executable = join(directory, 'fustor');
  copyFileSync(process.execPath, executable);
  const script = run(onSignal, {}, executable);
  await script.line(1);
  newVersion(`${executable}.new`);
  renameSync(`${executable}.new`, executable);
  script.child.kill('SIGUSR2');
  expect(await script.line(2)).toBe(`new ${script.pid}`);
});

test('a link that leads to a new version by now is followed again, also when it was found by PATH', async () => {
  const directory = folder();
  const link = join(directory, 'fustor');
  for (const name of [link, 'fustor']) {
    rmSync(link, {force: true});
    symlinkSync(process.execPath, link);
    const script = run(onSignal, {env: {PATH: `/usr/bin:${directory}`}}, name);
    await script.line(1);
    newVersion(join(directory, 'new'));
    rmSync(link);
    symlinkSync('new', link);
    script.child.kill('SIGUSR2');
    expect(await script.line(2)).toBe(`new ${script.pid}`);
  }
});

test('only the main thread may', async () => {
  const process = run(`
    import {Worker} from 'node:worker_threads';
    import {executeAgain} from 'cmd/shell/execute-again.ts';
    const source = 'import(' + JSON.stringify('${join(import.meta.dirname, 'execute-again.ts')}') + ').then(m => m.executeAgain())';
    new Worker(source, {eval: true}).on('error', error => console.log(error.message));
  `);
  expect(await process.line(1)).toContain('main thread');
});

function answer(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({host: '127.0.0.1', port, agent: false}, response => {
      response.setEncoding('utf8').on('data', resolve);
    }).on('error', reject);
  });
}
