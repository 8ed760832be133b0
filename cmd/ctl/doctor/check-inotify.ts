import {isObject} from '../exact-json.ts';
import type {Check, Finding} from './finding.ts';
import type {HostFacts} from './host-facts.ts';
import type {Home, Place} from './place.ts';
import {linkOf, openFiles} from './processes.ts';

const folder = '/proc/sys/fs/inotify';
/** What the kernel gives at least; a storage of any size has more directories. */
const fewWatches = 65_536;
const inotifyLink = 'anon_inode:inotify';

/** Whether the kernel lets agents watch what they should. */
export const checkInotify: Check = {
  name: 'inotify',
  find: ({homes, sources}, facts) => {
    const agents = homes.filter(({role}) => role === 'agent');
    if (agents.length === 0 && sources.length === 0) return [];
    return [...watches(agents, facts), ...instances(agents, facts)];
  },
};

function watches(agents: Home[], facts: HostFacts): Finding[] {
  const allowed = numberIn(`${folder}/max_user_watches`, facts);
  if (allowed === undefined) return [];
  const subject = 'fs.inotify.max_user_watches';
  const short = agents.flatMap(coverages).filter(({watched, known}) => watched < known);
  const known = short.reduce((sum, one) => sum + one.known, 0);
  const raise = (to: number) => `Raise it: sysctl -w ${subject}=${to}, and the same in /etc/sysctl.d.`;
  if (short.length > 0 && allowed < 2 * known) {
    const parts = short.map(({name, watched, known}) => `${name} ${watched} of ${known}`).join(', ');
    const problem = `${allowed} are allowed, and not all directories are watched: ${parts}.`;
    return [{subject, problem, remedy: raise(2 ** Math.ceil(Math.log2(2 * known + 1)))}];
  }
  if (allowed >= fewWatches) return [];
  const problem = `Only ${allowed} directories can be watched; changes in others are found by audits alone.`;
  return [{subject, problem, remedy: raise(2 ** 20)}];
}

type Coverage = {name: string; watched: number; known: number};

function coverages({shell}: Home): Coverage[] {
  return (shell?.parts ?? []).flatMap(({name, health}) => {
    const source = isObject(health) ? health.source : undefined;
    const {watched, known} = isObject(source) ? source : {};
    return typeof watched === 'number' && typeof known === 'number' ? [{name, watched, known}] : [];
  });
}

/** Every payload needs one; each user has so many. */
function instances(agents: Place['homes'], facts: HostFacts): Finding[] {
  const allowed = numberIn(`${folder}/max_user_instances`, facts);
  if (allowed === undefined) return [];
  const pids = new Set(agents.flatMap(({shellPid}) => shellPid ?? []));
  const users = new Set(pids.size === 0 ? [process.getuid!()] : [...pids].map(pid => userOf(pid, facts)));
  const used = facts
    .processNumbers()
    .filter(pid => users.has(userOf(pid, facts)))
    .reduce((sum, pid) => sum + openFiles(pid).filter(file => file === inotifyLink).length, 0);
  if (used < allowed - 1) return [];
  const subject = 'fs.inotify.max_user_instances';
  const problem = `${used} of ${allowed} are in use by this user: the next payload cannot watch anything.`;
  const remedy = `Raise it: sysctl -w ${subject}=${Math.max(512, 2 * allowed)}, and the same in /etc/sysctl.d.`;
  return [{subject, problem, remedy}];
}

function userOf(pid: number, facts: HostFacts): number | undefined {
  if (linkOf(`/proc/${pid}/exe`) === undefined) return undefined; // of the kernel, or not to be looked at
  const uid = /^Uid:\s+(\d+)/m.exec(facts.readText(`/proc/${pid}/status`) ?? '')?.[1];
  return uid === undefined ? undefined : Number(uid);
}

function numberIn(path: string, facts: HostFacts): number | undefined {
  const text = facts.readText(path)?.trim();
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}
