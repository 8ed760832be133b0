import {FustorError} from '../../core/errors/fustor-error.ts';
import {setCloseOnExec} from '../libc.ts';
import {type SocketFacts, socketFacts} from '../socket-facts.ts';

/** The first that is passed, by sd_listen_fds(3). */
const firstDescriptor = 3;
/** Far more than any unit passes: a number above it is a mistake. */
const descriptorsMax = 1_000;

export type InheritedSocket = {fd: number; name: string; host: string; port: number};

/**
 * The listening TCP sockets that systemd, or whoever speaks its protocol, has opened for this process; `name` is their
 * `FileDescriptorName=`. None of this process's children gets them, or the variables that speak of them, by accident.
 * Call it once, at the start. Throws LISTEN_FAILED when one of them is something else.
 */
export function inheritedSockets(env: NodeJS.ProcessEnv = process.env, pid = process.pid): InheritedSocket[] {
  const {LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES} = env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID']) delete env[name];
  if (LISTEN_FDS === undefined || LISTEN_PID !== String(pid)) return [];
  const count = Number(LISTEN_FDS);
  if (!Number.isInteger(count) || count < 0 || count > descriptorsMax) {
    throw new FustorError('LISTEN_FAILED', `LISTEN_FDS is "${LISTEN_FDS}", which is not a number of sockets.`);
  }
  const names = LISTEN_FDNAMES?.split(':') ?? [];
  const descriptors = Array.from({length: count}, (_, index) => firstDescriptor + index);
  for (const fd of descriptors) setCloseOnExec(fd, true);
  return descriptors.map((fd, index) => inheritedSocket(fd, names[index] ?? 'unknown'));
}

function inheritedSocket(fd: number, name: string): InheritedSocket {
  const facts = socketFacts(fd);
  if (facts?.kind === 'tcp' && facts.isListening) return {fd, name, host: facts.host, port: facts.port};
  const found = facts === undefined ? 'not open' : describe(facts);
  throw new FustorError('LISTEN_FAILED', `Descriptor ${fd} ("${name}"), which was passed to listen on, is ${found}.`, {
    hint: 'The socket unit needs ListenStream= with an address and a port, and Accept=no.',
  });
}

function describe(facts: SocketFacts): string {
  if (facts.kind === 'other') return 'not a TCP socket';
  return 'a TCP socket that does not listen';
}
