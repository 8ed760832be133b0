import {mkdirSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {tryLock} from '../../store/file-lock.ts';
import {ScriptProcess} from '../../test/lib/script-process.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {endParts, isStartedAgain} from './end-parts.ts';
import {readRecords, writeRecord} from './part-record.ts';
import {processState} from './process-table.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function folder(): string {
  const made = temporaryFolder();
  cleanups.push(() => made.remove());
  mkdirSync(join(made.path, 'run'));
  return made.path;
}

/** A process with a record, as a shell leaves it. */
async function part(directory: string, name: string, startTime?: string): Promise<ScriptProcess> {
  const script = new ScriptProcess(`
    process.on('SIGTERM', () => process.exit(4));
    setInterval(() => {}, 1000);
    console.log('here');
  `);
  cleanups.push(() => script.kill());
  await script.line(1);
  const record = {
    name,
    pid: script.pid,
    startTime: startTime ?? processState(script.pid)!.startTime,
    startedAt: 0,
    hash: '',
  };
  writeRecord(join(directory, 'run'), record);
  return script;
}

test('parts without a shell are told to end, also one that is stopped, and their records go', async () => {
  const directory = folder();
  const parts = [await part(directory, 'gateway-1'), await part(directory, 'engine-a')];
  parts[1]!.child.kill('SIGSTOP');
  await until(() => processState(parts[1]!.pid)?.state === 'T', {what: 'the stop'});
  expect((await endParts(directory, 'fusion')).sort()).toEqual(['engine-a', 'gateway-1']);
  for (const ended of parts) expect(await ended.ended()).toMatchObject({code: 4});
  expect(readdirSync(join(directory, 'run'))).toEqual([]);
  expect(await endParts(directory, 'fusion')).toEqual([]);
});

test('another process that has the number of an earlier part is left alone', async () => {
  const directory = folder();
  const other = await part(directory, 'payload-a', '1');
  expect(await endParts(directory, 'agent')).toEqual([]);
  expect(processState(other.pid)).toBeDefined();
  expect(readdirSync(join(directory, 'run'))).toEqual([]);
});

test('what not even SIGKILL ends is told, and stays known to the next shell', async () => {
  const directory = folder();
  const stuck = await part(directory, 'payload-stuck');
  // As the kernel does with a process that waits for a storage.
  const kept = {kill: () => true, graceMs: 100, killedMs: 100};
  await expect(endParts(directory, 'agent', kept)).rejects.toMatchObject({
    ...{code: 'COMMAND_FAILED', message: `Not even SIGKILL has ended payload-stuck (process ${stuck.pid}).`},
  });
  expect(readRecords(join(directory, 'run')).map(({name}) => name)).toEqual(['payload-stuck']);
  expect(await endParts(directory, 'agent')).toEqual(['payload-stuck']);
});

test('while a shell is there nothing is ended', async () => {
  const directory = folder();
  const running = await part(directory, 'payload-a');
  const lock = tryLock(join(directory, 'agent.lock'))!;
  await expect(endParts(directory, 'agent')).rejects.toMatchObject({code: 'DATA_DIR_UNUSABLE'});
  lock.release();
  expect(processState(running.pid)).toBeDefined();
  expect(await endParts(directory, 'agent')).toEqual(['payload-a']);
});

test('after a crash the next shell wants the parts; after a stop nobody does', () => {
  const results = ['success', 'timeout', 'signal', 'exit-code', 'watchdog', 'oom-kill', 'core-dump'];
  const isAgain = (SERVICE_RESULT?: string) => isStartedAgain(SERVICE_RESULT === undefined ? {} : {SERVICE_RESULT});
  expect(results.filter(isAgain)).toEqual(['signal', 'exit-code', 'watchdog', 'oom-kill', 'core-dump']);
  expect(isAgain()).toBe(false);
});
