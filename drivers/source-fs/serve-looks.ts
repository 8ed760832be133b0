import type {MessagePort} from 'node:worker_threads';
import type {Attributes} from '../../core/entry/entry.ts';
import type {Path} from '../../core/entry/path.ts';
import {systemErrorCode} from '../../core/errors/fustor-error.ts';
import {atEmptyPath, atSymlinkNoFollow, type Libc} from './libc.ts';
import {type Mount, type MountState, mountOf, mountState} from './mount.ts';
import {type Root, RootDoor, rootLost} from './root-door.ts';
import {StatxBuffer} from './statx.ts';

/** What stands at a path, or the name of the error. */
export type Look = {attributes: Attributes; identity: string; device: string; links: number} | string;

/** Undefined for the thread that looks at mount points only. */
export type LookData = {root: Root | undefined};
/** Looks at paths below the root, at what stands at a mount point now, or at what is to be the root of a source. */
export type LookQuestion = {id: number} & (
  | {paths: readonly Path[]; flags: number}
  | {mountPoint: string; opened: Mount; hadEntries: boolean}
  | {newRoot: string}
);
export type LookAnswer = {id: number} & ({looks: Look[]} | {state: MountState} | {found: FoundRoot | string});
/** A directory that may become the root of a source. `device` as in `StatxBuffer`. */
export type FoundRoot = {root: Root; device: string; mount: Mount};

/** The work of one thread: looks at what it is asked for. */
export function serveLooks(port: MessagePort, {root}: LookData, libc: Libc): void {
  const stat = new StatxBuffer();
  const door = root && new RootDoor(libc, root);
  const lookAt = (descriptor: number, path: Path, flags: number): Look => {
    if (!libc.statxPath(descriptor, path, stat.pointer, atSymlinkNoFollow | flags)) {
      return door!.explain(descriptor, libc.errorName());
    }
    const {attributes, identity, device, links} = stat;
    return {attributes, identity, device, links};
  };
  const lookAtAll = (paths: readonly Path[], flags: number): Look[] => {
    const looks = door!.enter(descriptor => paths.map(path => lookAt(descriptor, path, flags)));
    return looks === rootLost ? paths.map(() => rootLost) : looks;
  };
  port.on('message', (question: LookQuestion) => {
    const {id} = question;
    const answer = (answer: LookAnswer) => port.postMessage(answer);
    if ('paths' in question) answer({id, looks: lookAtAll(question.paths, question.flags)});
    else if ('newRoot' in question) answer({id, found: findRoot(libc, question.newRoot)});
    else answer({id, state: mountState(question.mountPoint, question)});
  });
}

/** Or the name of the error. */
function findRoot(libc: Libc, path: string): FoundRoot | string {
  const descriptor = libc.openRoot(Buffer.from(path).toString('latin1'));
  if (descriptor < 0) return libc.errorName();
  try {
    const stat = new StatxBuffer();
    if (!libc.statx(descriptor, '', stat.pointer, atEmptyPath)) return libc.errorName();
    return {root: {path, identity: stat.identity}, device: stat.device, mount: mountOf(path)};
  } catch (error) {
    return systemErrorCode(error instanceof Error ? error.cause : error) ?? String(error);
  } finally {
    libc.close(descriptor);
  }
}
