import type {Check, Finding} from './finding.ts';
import type {HostFacts} from './host-facts.ts';
import type {Home, Place} from './place.ts';
import {openFiles, processText} from './processes.ts';

const reasons: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection is cut off',
  EHOSTUNREACH: 'there is no way to this host',
  ENETUNREACH: 'there is no way to this network',
  ETIMEDOUT: 'the host does not answer',
};

/** Addresses that somebody else has, and servers that are not reached. */
export const checkPort: Check = {
  name: 'port',
  find: (place, facts) => [...place.homes.flatMap(home => ownAddress(home, facts)), ...unreached(place)],
};

function ownAddress(home: Home, facts: HostFacts): Finding[] {
  const {listen, role, shellPid, records} = home;
  if (!listen || listen.port === 0) return [];
  const subject = `${listen.host}:${listen.port}`;
  const sockets = listening(listen.port, facts);
  if (sockets.length === 0) {
    if (shellPid === undefined) return []; // told as a shell that does not run
    const problem = `The ${role} runs, and nothing listens there.`;
    return [{subject, problem, remedy: `Have it read its configuration again: kill -HUP ${shellPid}`}];
  }
  const holders = facts.processNumbers().filter(pid => openFiles(pid).some(file => sockets.includes(file)));
  // systemd keeps it for the service, and a service of its own has no shell that could be asked.
  const own = [1, shellPid, ...records.map(({pid}) => pid)];
  if (role === 'controller' || holders.some(pid => own.includes(pid))) return [];
  if (holders.length === 0 && shellPid !== undefined) return []; // of another user, so it cannot be told
  const who = holders.length === 0 ? 'a process of another user' : holders.map(processText).join(', ');
  const remedy = `Stop it, or give the ${role} another "listen" in its configuration.`;
  return [{subject, problem: `The address of the ${role} is taken by ${who}.`, remedy}];
}

/** `socket:[…]` of all that listen on a port, whatever the address: 0A is TCP_LISTEN of the kernel. */
function listening(port: number, facts: HostFacts): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap(path => facts.readText(path)?.split('\n').slice(1) ?? [])
    .map(line => line.trim().split(/\s+/))
    .filter(fields => fields[1]?.endsWith(`:${wanted}`) && fields[3] === '0A')
    .map(fields => `socket:[${fields[9]}]`);
}

function unreached({servers}: Place): Finding[] {
  return servers.flatMap(({url, purpose, error}) => {
    if (error === undefined) return [];
    const problem = `The ${purpose} cannot be reached: ${reasons[error] ?? error}.`;
    return [{subject: url, problem, remedy: `See that it runs and that no firewall is between: curl -v ${url}/livez`}];
  });
}
