import {spawn} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {mountOf} from '../../../drivers/source-fs/mount.ts';
import {spawnArguments} from '../../program.ts';

/** What stands at a path. `hung`: its server does not answer. */
export type Look =
  | {is: 'there'; type: number; origin: string | undefined; isEmpty: boolean}
  | {is: 'hung'}
  | {is: 'failed'; code: string; message: string};

/** A storage that answers, answers sooner, also after it was idle. */
const limitMs = 3_000;

/** Looks in a process of its own: a call to a storage whose server is away never comes back, and cannot be ended. */
export function lookAt(path: string): Promise<Look> {
  const {executable, args} = spawnArguments('ctl', ['__look', path]);
  const child = spawn(executable, args, {stdio: ['ignore', 'pipe', 'ignore'], detached: true});
  return new Promise(resolve => {
    let text = '';
    const leave = (look: Look) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.unref();
      resolve(look);
    };
    const timer = setTimeout(() => leave({is: 'hung'}), limitMs);
    child.stdout.setEncoding('utf8').on('data', chunk => {
      text += chunk;
    });
    child.on('error', error => leave({is: 'failed', code: 'SPAWN', message: error.message}));
    child.on('close', () => leave(readLook(text)));
  });
}

/** What the process does. */
export function tellLook(path: string): string {
  try {
    const {type, origin} = mountOf(path);
    return JSON.stringify({is: 'there', type, origin, isEmpty: readdirSync(path).length === 0} satisfies Look);
  } catch (error) {
    const code =
      error instanceof FustorError ? 'SOURCE_UNUSABLE' : ((error as NodeJS.ErrnoException).code ?? 'UNKNOWN');
    return JSON.stringify({is: 'failed', code, message: (error as Error).message} satisfies Look);
  }
}

function readLook(text: string): Look {
  try {
    return JSON.parse(text) as Look;
  } catch {
    return {is: 'failed', code: 'UNKNOWN', message: 'looking at it ended without an answer'};
  }
}
