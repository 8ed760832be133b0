import {dlopen, getInt32} from 'node:ffi';
import {constants} from 'node:os';

/**
 * What the programs need of Linux beyond what Node offers. Structures are made by hand where they are used; their layouts are
 * those of x64 and arm64, which are alike here.
 */
function open() {
  return dlopen('libc.so.6', {
    socket: {arguments: ['i32', 'i32', 'i32'], return: 'i32'},
    connect: {arguments: ['i32', 'pointer', 'u32'], return: 'i32'},
    sendto: {arguments: ['i32', 'pointer', 'u64', 'i32', 'pointer', 'u32'], return: 'i64'},
    sendmsg: {arguments: ['i32', 'pointer', 'i32'], return: 'i64'},
    recvmsg: {arguments: ['i32', 'pointer', 'i32'], return: 'i64'},
    getsockname: {arguments: ['i32', 'pointer', 'pointer'], return: 'i32'},
    getsockopt: {arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'], return: 'i32'},
    setsockopt: {arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'], return: 'i32'},
    fcntl: {arguments: ['i32', 'i32', 'i32'], return: 'i32'},
    close: {arguments: ['i32'], return: 'i32'},
    execve: {arguments: ['pointer', 'pointer', 'pointer'], return: 'i32'},
    waitpid: {arguments: ['i32', 'pointer', 'i32'], return: 'i32'},
    sigaction: {arguments: ['i32', 'pointer', 'pointer'], return: 'i32'},
    malloc_trim: {arguments: ['u64'], return: 'i32'},
    madvise: {arguments: ['u64', 'u64', 'i32'], return: 'i32'},
    // `close_range` has a name of its own only since glibc 2.34.
    syscall: {arguments: ['i64', 'u32', 'u32', 'u32'], return: 'i64'},
    __errno_location: {arguments: [], return: 'pointer'},
  }).functions;
}

let opened: ReturnType<typeof open> | undefined;

/** Opened when it is first needed: what can do without it also runs where there is none. */
export function libc(): ReturnType<typeof open> {
  opened ??= open();
  return opened;
}

/** Of two names of one error the first: `EAGAIN`, not `EWOULDBLOCK`. */
const errorNames = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** The name of the error of the call that has just failed: `ENOENT` …. */
export function errorName(): string {
  const number = getInt32(libc().__errno_location());
  return errorNames.get(number) ?? `errno ${number}`;
}

const getDescriptorFlags = 1;
const setDescriptorFlags = 2;
const closeOnExec = 1;

/** Whether a program that takes this process's place, or a child, is spared the descriptor. False when it is not open. */
export function setCloseOnExec(descriptor: number, isSet: boolean): boolean {
  const flags = libc().fcntl(descriptor, getDescriptorFlags, 0);
  if (flags < 0) return false;
  return libc().fcntl(descriptor, setDescriptorFlags, isSet ? flags | closeOnExec : flags & ~closeOnExec) === 0;
}
