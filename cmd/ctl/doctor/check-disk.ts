import {existsSync} from 'node:fs';
import {bytesText} from '../output/quantity.ts';
import type {Check} from './finding.ts';

const freeBytesMin = 256 * 2 ** 20;
/** Of a small disk less is enough. */
const freePartMin = 0.05;
const freeFilesMin = 100;

/** Room for stores: without any, agents wait and views stand still. */
export const checkDisk: Check = {
  name: 'disk',
  find: ({homes}, facts) =>
    homes
      .filter(({data}) => existsSync(data))
      .flatMap(({data}) => {
        const {bsize, blocks, bavail, files, ffree} = facts.statfs(data);
        const free = bavail * bsize;
        const remedy = `Free some: du -x ${data} | sort -n shows what is large; df -h ${data}, df -i ${data}.`;
        if (free < Math.min(freeBytesMin, freePartMin * blocks * bsize)) {
          return [{subject: data, problem: `The disk is full: ${bytesText(free)} are left.`, remedy}];
        }
        // Some file systems have no fixed number of them and tell none.
        if (files === 0 || ffree >= freeFilesMin) return [];
        return [{subject: data, problem: `The file system can make no more files: ${ffree} inodes are left.`, remedy}];
      }),
};
