import {existsSync} from 'node:fs';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {prepareLocalDirectory} from '../../../store/local-disk.ts';
import type {Check} from './finding.ts';

/** Whether stores can be where they are: on a local disk. */
export const checkDataDirectory: Check = {
  name: 'data directory',
  find: ({homes}, facts) =>
    homes
      .filter(({data}) => existsSync(data))
      .flatMap(({data}) => {
        try {
          prepareLocalDirectory(data, path => facts.statfs(path));
          return [];
        } catch (error) {
          if (!(error instanceof FustorError)) throw error;
          return [{subject: data, problem: error.message, remedy: error.hint ?? ''}];
        }
      }),
};
