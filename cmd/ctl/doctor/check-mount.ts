import {existsSync} from 'node:fs';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {RememberedStorage} from '../../../drivers/source-fs/remembered-storage.ts';
import type {Check, Finding} from './finding.ts';
import type {SourcePlace} from './place.ts';

/** Storages that hang, are gone, or are not what they were. */
export const checkMount: Check = {
  name: 'mount',
  find: ({sources, unreachable}) => [
    ...sources.flatMap(ofSource),
    ...unreachable.map(({data, look}) => ({
      subject: data,
      problem: look.is === 'hung' ? 'The data directory does not answer.' : 'The data directory cannot be looked at.',
      remedy: 'Put "data" on a local disk, and mend this one.',
    })),
  ],
};

function ofSource({path, look, rememberedAt}: SourcePlace): Finding[] {
  if (look.is === 'hung') {
    const remedy = `Bring its server back; or unmount it (umount -f -l ${path}) and mount it again.`;
    return [{subject: path, problem: 'The storage hangs: it does not answer.', remedy}];
  }
  if (look.is === 'failed') {
    const isStale = /ESTALE|ENOTCONN|EIO/.test(look.message) || /ESTALE|ENOTCONN|EIO/.test(look.code);
    const remedy = isStale
      ? `Mount it again: umount -l ${path} && mount ${path}`
      : `Mount it (mount ${path}), or mend "path" of the source.`;
    return [{subject: path, problem: isStale ? `The mount is stale: ${look.message}` : look.message, remedy}];
  }
  return rememberedAt.filter(existsSync).flatMap(file => {
    try {
      new RememberedStorage(file).compare(path, look);
      return [];
    } catch (error) {
      if (!(error instanceof FustorError)) throw error;
      return [{subject: path, problem: error.message, remedy: error.hint ?? ''}];
    }
  });
}
