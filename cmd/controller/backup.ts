import {once} from 'node:events';
import {createReadStream, type ReadStream, readdirSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import type {CopiedStore} from '../../store/control-store.ts';

/** A whole store at one moment. The file is gone already: what nobody reads to the end leaves nothing behind. */
export type Backup = () => Promise<{bytes: number; content: ReadStream}>;

const ownName = /^backup-[0-9a-f]+\.mdb$/;

/** Copies go through the data directory, one after another, so they need the room of one. */
export function backupOf(store: CopiedStore, directory: string, randomId: () => string): Backup {
  let turn: Promise<unknown> = Promise.resolve();
  const copy = async () => {
    const file = join(directory, `backup-${randomId()}.mdb`);
    try {
      await store.backup(file);
      const content = createReadStream(file);
      await once(content, 'open');
      return {bytes: statSync(file).size, content};
    } finally {
      rmSync(file, {force: true});
    }
  };
  return () => {
    const mine = turn.then(copy);
    turn = mine.catch(() => {});
    return mine;
  };
}

/** What a controller that was killed meanwhile left there. */
export function removeUnfinishedBackups(directory: string): void {
  for (const name of readdirSync(directory)) if (ownName.test(name)) rmSync(join(directory, name), {force: true});
}
