import type {MessagePort} from 'node:worker_threads';
import type {Attributes} from '../../core/entry/entry.ts';
import type {Path} from '../../core/entry/path.ts';
import {atSymlinkNoFollow, type Libc} from './libc.ts';
import {type Mount, type MountState, mountState} from './mount.ts';
import {StatxBuffer} from './statx.ts';

/** What stands at a path, or the name of the error. */
export type Look = {attributes: Attributes; identity: string; device: string; links: number} | string;

export type LookData = {root: number};
/** Looks at paths below the root, or at what is mounted at the root's own path. */
export type LookQuestion = {id: number} & (
  | {paths: readonly Path[]; flags: number}
  | {mountPoint: string; opened: Mount; hadEntries: boolean}
);
export type LookAnswer = {id: number; looks: Look[]} | {id: number; state: MountState};

/** The work of one thread: looks at what it is asked for. */
export function serveLooks(port: MessagePort, {root}: LookData, libc: Libc): void {
  const stat = new StatxBuffer();
  const lookAt = (path: Path, flags: number): Look => {
    if (!libc.statxPath(root, path, stat.pointer, atSymlinkNoFollow | flags)) return libc.errorName();
    const {attributes, identity, device, links} = stat;
    return {attributes, identity, device, links};
  };
  port.on('message', (question: LookQuestion) => {
    const {id} = question;
    const answer: LookAnswer =
      'paths' in question
        ? {id, looks: question.paths.map(path => lookAt(path, question.flags))}
        : {id, state: mountState(question.mountPoint, question)};
    port.postMessage(answer);
  });
}
