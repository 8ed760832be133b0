import {spawn} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Child, Exit} from '../core/shell/supervisor.ts';
import {type Program, spawnArguments} from './program.ts';

export type ChildOptions = {
  program: Program;
  /** The subcommand, which must exist: an executable that starts itself wrongly must not become a second service. */
  command: string;
  name: string;
  /** Sent as JSON on its stdin, so that no secret stands in a command line or environment. */
  config: unknown;
  /** Where it is recorded while it runs. */
  runDirectory: string;
  /** A descriptor that it gets as number 3. */
  inherit?: number;
};

/**
 * Starts a part as a process of its own. It keeps running when this process dies; its record lets the next one find it,
 * by number and start time, because a number alone may be another process by then.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const {program, command, name, config, runDirectory, inherit} = options;
  const {command: executable, args} = spawnArguments(program, [command]);
  const stdio = ['pipe' as const, 'ignore' as const, 'inherit' as const, ...(inherit === undefined ? [] : [inherit])];
  // In a group of its own: Ctrl-C goes to the shell alone, which ends its parts in order.
  const child = spawn(executable, args, {stdio, detached: true});
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({code, signal}));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const pid = child.pid!;
  const record = join(runDirectory, `${name}.pid`);
  mkdirSync(runDirectory, {recursive: true, mode: 0o700});
  writeFileSync(record, JSON.stringify({pid, startTime: startTimeOf(pid)}), {mode: 0o600});
  child.stdin!.on('error', () => {}); // it died before it read: its exit tells
  child.stdin!.end(JSON.stringify(config));
  return {
    pid,
    exited: exited.finally(() => rmSync(record, {force: true})),
    terminate: () => void child.kill('SIGTERM'),
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Ends what an earlier shell left running here, and waits until it is gone. Returns the names. */
export async function endSurvivors(runDirectory: string): Promise<string[]> {
  const survivors = records(runDirectory).filter(({pid, startTime}) => startTimeOf(pid) === startTime);
  for (const {pid} of survivors) process.kill(pid, 'SIGKILL');
  for (const {pid, startTime} of survivors) {
    while (startTimeOf(pid) === startTime) await new Promise(resolve => setTimeout(resolve, 5));
  }
  for (const {file} of records(runDirectory)) rmSync(file, {force: true});
  return survivors.map(({name}) => name);
}

type ChildRecord = {file: string; name: string; pid: number; startTime: string | undefined};

function records(runDirectory: string): ChildRecord[] {
  mkdirSync(runDirectory, {recursive: true, mode: 0o700});
  return readdirSync(runDirectory)
    .filter(name => name.endsWith('.pid'))
    .flatMap(name => {
      const file = join(runDirectory, name);
      try {
        const {pid, startTime} = JSON.parse(readFileSync(file, 'utf8')) as {pid: number; startTime: string};
        return [{file, name: name.slice(0, -'.pid'.length), pid, startTime}];
      } catch {
        return []; // cut off by a crash: whoever it was cannot be found by it
      }
    });
}

/** When a running process started, in ticks since boot (proc(5), field 22); undefined when it is gone or a zombie. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
