import {createServer, type Server} from 'node:http';
import {join} from 'node:path';
import {Gauge, Registry} from 'prom-client';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {PartCommand, PartReport} from '../../core/shell/part-report.ts';
import {listenUnix} from '../unix-socket.ts';
import {version} from '../version.ts';
import type {Parts} from './shell.ts';

export type ShellQuestions = Pick<Parts<never>, 'report' | 'execute'> & {config(): object};

/**
 * The shell on its own host, on a unix socket of its user: `GET /health` tells of all parts, `POST /parts/NAME/restart` and
 * `…/kill` do that, `GET /metrics` is for the gateway that gathers them.
 */
export async function serveShell(runDirectory: string, shell: ShellQuestions): Promise<Server> {
  const metrics = metricsOf(shell);
  const server = createServer(async (request, response) => {
    const [status, body] = await answer(`${request.method} ${request.url}`).catch(failure);
    response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(body));
  });
  async function answer(asked: string): Promise<[number, unknown]> {
    if (asked === 'GET /metrics') return [200, await metrics.getMetricsAsJSON()];
    if (asked === 'GET /health') {
      return [200, {data: {part: 'shell', version, pid: process.pid, config: shell.config(), parts: shell.report()}}];
    }
    const [, part, command] = /^POST \/parts\/([^/]+)\/(restart|kill)$/.exec(asked) ?? [];
    if (part === undefined) throw new FustorError('ROUTE_NOT_FOUND', `The shell has no ${asked}.`);
    return [200, {data: {done: await shell.execute(command as PartCommand, decodeURIComponent(part))}}];
  }
  await listenUnix(server, join(runDirectory, 'shell.sock'));
  return server;
}

function failure(error: unknown): [number, unknown] {
  if (error instanceof FustorError) return [error.status, error.toBody()];
  const message = error instanceof Error ? error.message : String(error);
  return [409, new FustorError('COMMAND_FAILED', message).toBody()];
}

function metricsOf({report}: ShellQuestions): Registry {
  const registry = new Registry();
  const gauge = (name: string, help: string, measure: (part: PartReport) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['part'],
      registers: [registry],
      collect() {
        this.reset();
        for (const part of report()) this.set({part: part.name}, measure(part));
      },
    });
  gauge('fustor_part_running', 'Whether a part runs and answers its shell.', ({state}) => Number(state === 'running'));
  gauge('fustor_part_starts', 'How often its shell has started a part.', ({starts}) => starts);
  gauge('fustor_part_memory_bytes', 'Memory of its own of a part.', ({memoryBytes}) => memoryBytes ?? 0);
  return registry;
}
