import {isObject, type Json, type JsonObject} from '../exact-json.ts';
import {escapeName} from './escape.ts';
import {bytesText, durationText} from './quantity.ts';
import {cell, fieldTable, table} from './table.ts';

/** How a node and its processes are, and how they died last. */
export function nodePage({parts, ...node}: JsonObject): string {
  const all = Array.isArray(parts) ? parts.filter(isObject) : [];
  const {id, state, since, silent_ms, shell, config} = node;
  const heard = {id, state, since, silent: durationText(silent_ms)};
  const sections = [fieldTable({...heard, shell, config}), partTable(all), ...all.map(partDeath)];
  return sections.filter(section => section !== '').join('\n');
}

const headings = ['STATE', 'PID', 'UPTIME', 'MEMORY', 'RESTARTS', 'RETRY IN', 'LAST DEATH'];

function partTable(parts: JsonObject[]): string {
  if (parts.length === 0) return '';
  const rows = parts.map(part => [
    cell('pipe', part.pipe ?? part.name),
    cell('state', part.state),
    cell('pid', part.pid),
    durationText(part.uptime_ms),
    bytesText(part.memory_bytes),
    typeof part.starts === 'number' ? String(Math.max(0, part.starts - 1)) : '-',
    durationText(part.retry_in_ms),
    isObject(part.last_death) ? reason(part.last_death) : '-',
  ]);
  const first = parts.some(({pipe}) => typeof pipe === 'string') ? 'PIPE' : 'PART';
  return table([first, ...headings], rows);
}

/** `signal SIGSEGV`, `exit 1`, `frozen`. */
function reason({cause, code, signal}: JsonObject): string {
  const which = signal ?? code;
  const isSaidByCause = cause !== 'exit' && cause !== 'signal';
  return isSaidByCause || which === null ? cell('cause', cause) : `${cell('cause', cause)} ${cell('which', which)}`;
}

/** How a part died last, and its last words. Empty for one that never has. */
export function partDeath({name, last_death: last}: JsonObject): string {
  if (!isObject(last)) return '';
  const {at, uptime_ms, detail, pid, stderr} = last;
  const head = `${cell('name', name)} died at ${cell('at', at)} after ${durationText(uptime_ms)}, process ${cell('pid', pid)}`;
  return `${head}: ${reason(last)}. ${cell('detail', detail)}\n${lastWords(stderr)}`;
}

/** Its lines, with nothing in them that a terminal would obey. */
function lastWords(stderr: Json | undefined): string {
  if (typeof stderr !== 'string' || stderr.trim() === '') return '  (it wrote nothing on stderr)\n';
  const lines = stderr.trimEnd().split('\n');
  return lines.map(line => `  ${escapeName(Buffer.from(line))}\n`).join('');
}
