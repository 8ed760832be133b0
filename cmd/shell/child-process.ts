import {type ChildProcess, spawn} from 'node:child_process';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import type {Child, Exit, Health, Observation, Survivor} from '../../core/shell/part.ts';
import {stderr} from '../stderr.ts';
import {requestUnix} from '../unix-socket.ts';
import {reapChild} from './execute-again.ts';
import {PartLog} from './part-log.ts';
import {type PartRecord, readRecords, removeRecord, writeRecord} from './part-record.ts';
import {isRunning, memoryOf, processState} from './process-table.ts';

export type ChildOptions = {
  executable: string;
  args: string[];
  name: string;
  /** Sent as JSON on its stdin, so that no secret stands in a command line or environment. */
  config: unknown;
  /** Of the configuration and the executable. */
  hash: string;
  /** Where it is recorded while it runs, and where it has its socket. */
  runDirectory: string;
  /** A descriptor that it gets as number 3. */
  inherit?: number;
};

const answerTimeoutMs = 2_000;
const lookForEndMs = 250;
/** Of an idle shell this is most of what it does. What a part says at its end is passed on at once. */
const passOnMs = 1_000;

/** Where a part answers `/health`. */
export function partSocket(runDirectory: string, name: string): string {
  return join(runDirectory, `${name}.sock`);
}

/**
 * Starts a part as a process of its own. It keeps running when this process dies; its record lets the next shell find it,
 * by number and start time, because a number alone may be another process by then.
 *
 * The record is written before the part has its configuration: a part that nobody recorded has none, and ends.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const {executable, args, name, config, hash, runDirectory, inherit} = options;
  const log = new PartLog(runDirectory, name, {isNew: true});
  const stdio = ['pipe' as const, 'ignore' as const, log.descriptor, ...(inherit === undefined ? [] : [inherit])];
  // In a group of its own: Ctrl-C goes to the shell alone, which ends its parts in order.
  const child = spawn(executable, args, {stdio, detached: true});
  const exited = new Promise<Exit>(resolve => {
    child.once('exit', (code, signal) => resolve({code, signal}));
  });
  let record: PartRecord;
  try {
    await untilSpawned(child);
    const pid = child.pid!;
    // A process that died at once has no start time any more, and needs none.
    const startTime = processState(pid)?.startTime ?? '';
    record = {name, pid, startTime, startedAt: Date.now(), hash};
    writeRecord(runDirectory, record);
  } catch (error) {
    child.kill('SIGKILL');
    log.close();
    throw error;
  }
  child.stdin!.on('error', () => {}); // it died before it read: its exit tells
  child.stdin!.end(JSON.stringify(config));
  return asChild(record, {exited, log, runDirectory});
}

/** What an earlier shell left running here, or this one before it executed itself again. Records of others are removed. */
export function findSurvivors(runDirectory: string): Survivor[] {
  return readRecords(runDirectory).flatMap(record => {
    const log = new PartLog(runDirectory, record.name, {isNew: false});
    if (!isRunning(record)) {
      reapChild(record.pid);
      log.passOn(stderr, {isLast: true});
      log.close();
      removeRecord(runDirectory, record);
      return [];
    }
    const child = asChild(record, {exited: untilGone(record), log, runDirectory});
    return [{name: record.name, hash: record.hash, child}];
  });
}

function untilSpawned(child: ChildProcess): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}

/**
 * A process without an object of Node: when it is this process's child the kernel tells how it ended. Looking for that keeps no
 * shell there which has nothing else to do.
 */
async function untilGone(record: PartRecord): Promise<Exit> {
  for (;;) {
    const reaped = reapChild(record.pid);
    if (typeof reaped === 'object') return reaped;
    if (reaped === 'not-ours' && !isRunning(record)) return {code: null, signal: null};
    await delay(lookForEndMs, undefined, {ref: false});
  }
}

function asChild(
  record: PartRecord,
  {exited, log, runDirectory}: {exited: Promise<Exit>; log: PartLog; runDirectory: string},
): Child {
  const {name, pid, startedAt} = record;
  let lastWords: string | undefined;
  const passingOn = setInterval(() => log.passOn(stderr), passOnMs).unref();
  const ended = exited.then(exit => {
    clearInterval(passingOn);
    log.passOn(stderr, {isLast: true});
    lastWords = log.tail();
    log.close();
    removeRecord(runDirectory, record);
    return exit;
  });
  const send = (signal: NodeJS.Signals) => {
    if (!isRunning(record)) return;
    try {
      process.kill(pid, signal);
    } catch {
      // it has just ended
    }
  };
  return {
    pid,
    startedAt,
    exited: ended,
    terminate: () => {
      send('SIGTERM');
      send('SIGCONT'); // one that is stopped would hear of it when it goes on
    },
    kill: () => send('SIGKILL'),
    observe: async () => {
      const health = await askHealth(partSocket(runDirectory, name), pid);
      return observation(record, health);
    },
    lastWords: () => lastWords ?? log.tail(),
  };
}

function observation(record: PartRecord, health: Health | undefined): Observation | undefined {
  const now = processState(record.pid);
  if (!now || now.startTime !== record.startTime) return undefined;
  return {processState: now.state, cpuMs: now.cpuMs, memoryBytes: memoryOf(record.pid), health};
}

/** Undefined when it does not answer in time, or another process answers. */
async function askHealth(socket: string, pid: number): Promise<Health | undefined> {
  try {
    const {status, body} = await requestUnix({socket, method: 'GET', path: '/health', timeoutMs: answerTimeoutMs});
    const {data} = JSON.parse(body.toString()) as {data: Health};
    return status === 200 && data.pid === pid ? data : undefined;
  } catch {
    return undefined;
  }
}
