import {once} from 'node:events';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {FustorError} from '../core/errors/fustor-error.ts';
import type {Command} from './run-program.ts';
import {version} from './version.ts';

/** Tries one part of the program on this machine; resolves to facts worth printing, rejects when it does not work. */
export type Check = () => Promise<Record<string, unknown>>;

/**
 * The command `self-check`: does everything that this executable carries work on this machine? Prints one JSON line.
 * Run it after copying an executable to a new host; the build runs it on every executable it makes.
 */
export function selfCheck(name: string, checks: Record<string, Check>): Command {
  return async () => {
    const results: Record<string, unknown> = {};
    for (const [part, check] of Object.entries(checks)) {
      const startedAt = performance.now();
      const facts = await check().catch((cause: unknown) => {
        throw new FustorError('SELF_CHECK_FAILED', `Self-check of "${part}" failed: ${reasonOf(cause)}`, {cause});
      });
      results[part] = {...facts, ms: Math.round(performance.now() - startedAt)};
    }
    const line = {program: name, version, node: process.version, arch: process.arch, checks: results};
    process.stdout.write(`${JSON.stringify(line)}\n`);
    return 0;
  };
}

/** `fetch failed` alone helps nobody; what lies behind it does. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}

/** Serves one request on loopback and reads the answer. */
export const checkHttp: Check = async () => {
  const server = createServer((_request, response) => response.end('ok'));
  server.listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const {port} = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/`, {headers: {connection: 'close'}});
    const body = await response.text();
    if (body !== 'ok') throw new Error(`asked over HTTP for "ok", got ${response.status} "${body}"`);
    return {status: response.status};
  } finally {
    server.close();
  }
};

/** Calls libc through `node:ffi`. */
export const checkLibc: Check = async () => {
  const {dlopen, toString: readString} = await import('node:ffi');
  using libc = dlopen('libc.so.6', {
    getpid: {arguments: [], return: 'i32'},
    gnu_get_libc_version: {arguments: [], return: 'pointer'},
  });
  const pid = libc.functions.getpid();
  if (pid !== process.pid) throw new Error(`getpid() of libc says ${pid}, Node says ${process.pid}`);
  return {glibc: readString(libc.functions.gnu_get_libc_version())};
};
