import {getAsset, isSea} from 'node:sea';
import {fileURLToPath} from 'node:url';
import {Worker, type WorkerOptions} from 'node:worker_threads';

/**
 * How a running program finds its own parts: in development as `.ts` files of this tree, in an executable inside itself.
 * The tables are shared with `build/`, which puts in what is promised here.
 */

/** The name of each program's executable; `cmd/<program>/main.ts` is its entry. */
export const executableNames = {
  agent: 'fustor-agent',
  fusion: 'fustor-fusion',
  controller: 'fustor-controller',
  ctl: 'fustorctl',
} as const;

export type Program = keyof typeof executableNames;

/** Worker threads: the source of each, relative to the root of the tree, and the programs that open it. */
export const threads = {
  'self-check': {source: 'cmd/self-check-thread.ts', programs: ['agent', 'fusion']},
  walker: {source: 'drivers/source-fs/walker-thread.ts', programs: ['agent']},
  inotify: {source: 'drivers/source-fs/inotify-thread.ts', programs: ['agent']},
  look: {source: 'drivers/source-fs/look-thread.ts', programs: ['agent']},
} as const satisfies Record<string, {source: string; programs: readonly Program[]}>;

export type ThreadName = keyof typeof threads;

/** The name under which an executable carries a thread's source. */
export function threadAsset(name: ThreadName): string {
  return `threads/${name}.js`;
}

/**
 * How to start another process of a program. An executable only contains itself, so there `program` must be its own.
 * Use it with `spawn`; `fork` would hand its own flags to `main` as arguments.
 */
export function spawnArguments(program: Program, args: string[]): {executable: string; args: string[]} {
  const executable = process.execPath;
  if (isSea()) return {executable, args};
  return {executable, args: [quietFlag, sourcePath(`cmd/${program}/main.ts`), ...args]};
}

/** A new worker thread. Options other than `eval` are passed on. */
export function openThread(name: ThreadName, options: WorkerOptions = {}): Worker {
  if (isSea()) return new Worker(getAsset(threadAsset(name), 'utf8'), {...options, eval: true});
  return new Worker(sourcePath(threads[name].source), options);
}

/** `node:ffi` is experimental in Node 26 and would say so on stderr in every process. */
const quietFlag = '--disable-warning=ExperimentalWarning';

function sourcePath(relative: string): string {
  return fileURLToPath(new URL(`../${relative}`, import.meta.url));
}
