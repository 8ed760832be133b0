import {getRawPointer} from 'node:ffi';
import {readdirSync} from 'node:fs';
import {constants} from 'node:os';
import {isSea} from 'node:sea';
import {setImmediate} from 'node:timers/promises';
import {isMainThread} from 'node:worker_threads';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {executablePath} from '../executable-path.ts';
import {errorName, libc, setCloseOnExec} from '../libc.ts';

export type ExecuteAgainOptions = {
  /** Descriptors that the new program gets, under the same numbers, besides 0 to 2. */
  keep?: number[];
  /** Added to the environment; undefined takes a variable away. */
  env?: NodeJS.ProcessEnv;
  /** What is executed: as this process was started, unless it is given. `command` is absolute. */
  program?: {command: string; args: string[]};
};

/**
 * Puts the executable that is on disk now in the place of this one: the same process, with the same number, parent, working
 * directory and children; nothing of its memory, its threads and its other descriptors.
 *
 * It only resolves when this process was told to stop (SIGTERM, SIGINT) just before; whoever listens to that has been called.
 * Rejects with REPLACEMENT_UNUSABLE when the kernel refuses (no such file, not an executable, still being written); the process
 * is then what it was. What the kernel takes and what then fails to start has ended this process: have it tried before.
 *
 * Signals: from the call until the new program handles them, some 40 ms later, SIGTERM and SIGINT end the process, rather than
 * being lost, and the parts run on. SIGHUP and SIGUSR2 are lost at first, which does no harm, since the new program reads its
 * configuration anyway; while it starts they end it. Node begins with an empty mask and default handlers, whatever it was
 * handed, so the kernel offers no way to hold a signal back for so long. Whoever supervises the process starts it again.
 *
 * Children stay children, but Node knows nothing of them: ask `reapChild`.
 */
export async function executeAgain({
  keep = [],
  env = {},
  program = thisProgram(),
}: ExecuteAgainOptions = {}): Promise<void> {
  if (!isMainThread)
    throw new Error('Only the main thread may execute the program again: its signal mask is handed on.');
  const stop = watchStopSignals();
  try {
    // What Node has taken already is told to whoever listens in the next turn of the event loop, which is not this one.
    await setImmediate();
    await setImmediate();
    if (stop.isAsked()) return;
    replace(program, {keep, variables: {...process.env, ...env}});
  } finally {
    stop.restore();
  }
}

/** Returns only by throwing. */
function replace(
  {command, args}: {command: string; args: string[]},
  {keep, variables}: {keep: number[]; variables: NodeJS.ProcessEnv},
): never {
  const environment = Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  closeOthersOnExec();
  for (const descriptor of [0, 1, 2]) setCloseOnExec(descriptor, false);
  try {
    const missing = keep.find(descriptor => !setCloseOnExec(descriptor, false));
    if (missing !== undefined) throw failure(command, `descriptor ${missing}, which it is to keep, is not open`);
    libc().execve(cString(command), stringVector([command, ...args]), stringVector(environment));
    const name = errorName();
    throw failure(command, reasons[name] ?? name);
  } finally {
    for (const descriptor of keep) setCloseOnExec(descriptor, true);
  }
}

export type Reaped = {code: number | null; signal: NodeJS.Signals | null};

/**
 * How a child of this process ended, told once, also of a child that the program before this one had started. `not-ours`: it
 * is no child of this process, or was reaped before. Do not ask for children that Node has started here: Node waits for them.
 */
export function reapChild(pid: number): Reaped | 'running' | 'not-ours' {
  const status = Buffer.alloc(4);
  const reaped = libc().waitpid(pid, status, waitNoHang);
  if (reaped === 0) return 'running';
  if (reaped < 0) return 'not-ours';
  const number = status.readInt32LE();
  const signal = number & 0x7f;
  return signal === 0 ? {code: (number >> 8) & 0xff, signal: null} : {code: null, signal: signalName(signal)};
}

const waitNoHang = 1;

function signalName(number: number): NodeJS.Signals {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return (found?.[0] ?? `SIG${number}`) as NodeJS.Signals;
}

/** How this process was started: what `argv` is in an executable begins with its path twice, in development with Node's flags. */
function thisProgram(): {command: string; args: string[]} {
  const {execArgv, argv} = process;
  return {command: executablePath, args: isSea() ? argv.slice(2) : [...execArgv, ...argv.slice(1)]};
}

const closeRangeNumber = 436n;
const closeRangeCloseOnExec = 4;
const firstDescriptor = 3;
const lastDescriptor = 0xffff_ffff;

function closeOthersOnExec(): void {
  if (libc().syscall(closeRangeNumber, firstDescriptor, lastDescriptor, closeRangeCloseOnExec) === 0n) return;
  // A kernel before 5.11.
  for (const name of readdirSync('/proc/self/fd')) {
    const descriptor = Number(name);
    if (descriptor >= firstDescriptor) setCloseOnExec(descriptor, true);
  }
}

/** The size of `struct sigaction` is 152 bytes; all zero, it is the default. */
const actionBytes = 256;

/** Gives SIGTERM and SIGINT their default effect, which is the end, until `restore`; tells whether Node had one before. */
function watchStopSignals(): {isAsked(): boolean; restore(): void} {
  let isAsked = false;
  const onSignal = () => {
    isAsked = true;
  };
  const before = (['SIGTERM', 'SIGINT'] as const).map(name => {
    process.on(name, onSignal);
    const action = Buffer.alloc(actionBytes);
    libc().sigaction(constants.signals[name], Buffer.alloc(actionBytes), action);
    return {name, action};
  });
  return {
    isAsked: () => isAsked,
    restore: () => {
      for (const {name, action} of before) {
        libc().sigaction(constants.signals[name], action, null);
        process.off(name, onSignal);
      }
    },
  };
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** A NULL-terminated `char *[]` with its strings behind it, in one piece of memory. */
function stringVector(texts: string[]): Buffer {
  const strings = texts.map(cString);
  const pointerBytes = 8 * (strings.length + 1);
  const memory = Buffer.concat([Buffer.alloc(pointerBytes), ...strings]);
  const start = getRawPointer(memory);
  let offset = pointerBytes;
  for (const [index, string] of strings.entries()) {
    memory.writeBigUInt64LE(start + BigInt(offset), 8 * index);
    offset += string.length;
  }
  return memory;
}

const reasons: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not execute it',
  ENOEXEC: 'it is not a program for this machine',
  ETXTBSY: 'it is still being written',
  E2BIG: 'its environment is too large',
};

function failure(command: string, reason: string): FustorError {
  return new FustorError('REPLACEMENT_UNUSABLE', `Cannot execute ${command} in place of this process: ${reason}.`, {
    hint: 'Put the right executable there, whole, by renaming it; what runs goes on until then.',
  });
}
