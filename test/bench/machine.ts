import {readFileSync} from 'node:fs';
import {availableParallelism, cpus, release, totalmem} from 'node:os';

/** What a run was measured on, in a line. */
export function machineText(): string {
  const processor = cpus()[0]?.model.trim().replaceAll(/\s+/g, ' ') || 'unknown processor';
  const cores = availableParallelism();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cores} core${cores === 1 ? '' : 's'} (${processor}), ${memory}, ${system()}, Linux ${release()}, Node ${process.versions.node}`;
}

function system(): string {
  return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
}
