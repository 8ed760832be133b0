import {existsSync, readdirSync, realpathSync} from 'node:fs';
import {join} from 'node:path';
import type {ListenAddress} from '../../../core/config/schema.ts';
import {type PartRecord, readRecords} from '../../shell/part-record.ts';
import {requestUnix} from '../../unix-socket.ts';
import {isObject, type JsonObject, parseJson} from '../exact-json.ts';
import type {Home, Role, ShellAnswer} from './place.ts';
import {lockHolder} from './processes.ts';

const answerMs = 2_000;

export type HomeSettings = {role: Role; data: string; id?: string | undefined; listen?: ListenAddress | undefined};

/** What a data directory and its shell tell. */
export async function readHome({role, data, id, listen}: HomeSettings): Promise<Home> {
  const real = existsSync(data) ? realpathSync(data) : data;
  const run = join(real, 'run');
  const shell = await askShell(join(run, 'shell.sock'));
  const shellPid = shell?.pid ?? (role === 'controller' ? undefined : lockHolder(join(real, `${role}.lock`)));
  return {role, data: real, id, listen, shellPid, shell, records: recordsIn(run)};
}

/** By the lock that its shell has taken there once, or the store; undefined when it is no data directory. */
export function roleOf(data: string): Role | undefined {
  if (existsSync(join(data, 'agent.lock'))) return 'agent';
  if (existsSync(join(data, 'fusion.lock'))) return 'fusion';
  return existsSync(join(data, 'control.mdb')) ? 'controller' : undefined;
}

/** `readRecords` would make the directory. */
function recordsIn(run: string): PartRecord[] {
  try {
    return readdirSync(run).length === 0 ? [] : readRecords(run);
  } catch {
    return [];
  }
}

async function askShell(socket: string): Promise<ShellAnswer | undefined> {
  if (!existsSync(socket)) return undefined;
  try {
    const {body} = await requestUnix({socket, method: 'GET', path: '/health', timeoutMs: answerMs});
    const answer = parseJson(body.toString());
    return isObject(answer) && isObject(answer.data) ? shellAnswer(answer.data) : undefined;
  } catch {
    return undefined;
  }
}

function shellAnswer({pid, version, config, parts}: JsonObject): ShellAnswer {
  const {state, last_failed: told, lastFailed: own = told} = isObject(config) ? config : {};
  const reason = isObject(own) ? String(own.reason) : 'it does not say why';
  return {
    pid: Number(pid),
    version: typeof version === 'string' ? version : undefined,
    refused: state === 'refused' ? reason : undefined,
    parts: (Array.isArray(parts) ? parts.filter(isObject) : []).map(({name, state, pid, lastDeath, health}) => ({
      name: String(name),
      state: String(state),
      pid: typeof pid === 'number' ? pid : undefined,
      death: isObject(lastDeath) ? String(lastDeath.detail) : undefined,
      health,
    })),
  };
}
