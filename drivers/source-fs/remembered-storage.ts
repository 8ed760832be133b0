import {mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {dirname} from 'node:path';
import {z} from 'zod';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Mount} from './mount.ts';

const storage = z.object({path: z.string(), type: z.number(), origin: z.string().optional()});
type Storage = z.output<typeof storage>;

/**
 * Which storage a source observed before, in a file of the agent's data directory. An agent that is started while its storage
 * is not mounted finds an empty directory in its place, and would tell that everything is gone.
 */
export class RememberedStorage {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Throws SOURCE_UNUSABLE when another file system stands at a path that was observed before; else remembers it. */
  check(path: string, {type, origin}: Pick<Mount, 'type' | 'origin'>): void {
    if (!this.compare(path, {type, origin})) this.#write({path, type, origin});
  }

  /** The same, without remembering: whether this path was observed before. */
  compare(path: string, {type, origin}: Pick<Mount, 'type' | 'origin'>): boolean {
    const before = this.#read();
    if (before?.path !== path) return false;
    if (before.type === type && (before.origin === undefined || origin === undefined || before.origin === origin))
      return true;
    const [was, is] = [before, {type, origin}].map(
      one => `${one.origin ?? 'a file system'} of type 0x${one.type.toString(16)}`,
    );
    throw new FustorError('SOURCE_UNUSABLE', `Cannot observe ${path}: it was ${was}, and now it is ${is}.`, {
      hint: `Mount the storage. If ${path} is meant to be another one from now on, remove ${this.#file}.`,
    });
  }

  /** Whether this path was observed before, whatever stands there now. */
  knows(path: string): boolean {
    return this.#read()?.path === path;
  }

  #read(): Storage | undefined {
    try {
      return storage.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
    } catch {
      return undefined; // never written, or broken: then what is there now is believed
    }
  }

  #write(found: Storage): void {
    mkdirSync(dirname(this.#file), {recursive: true});
    writeFileSync(`${this.#file}.new`, JSON.stringify(found));
    renameSync(`${this.#file}.new`, this.#file);
  }
}
