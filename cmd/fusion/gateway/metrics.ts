import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {AggregatorRegistry, Counter, Histogram, Registry} from 'prom-client';
import {requestUnix} from '../../unix-socket.ts';

const timeoutMs = 500;

/** What a gateway tells of itself, and how it gathers what all parts of this fusion tell. */
export class GatewayMetrics {
  readonly registry = new Registry();
  readonly requests = new Counter({
    name: 'fustor_http_requests_total',
    help: 'Requests by route, method and status.',
    labelNames: ['route', 'method', 'status'],
    registers: [this.registry],
  });
  readonly seconds = new Histogram({
    name: 'fustor_http_request_seconds',
    help: 'From the request to the begin of its answer.',
    labelNames: ['route'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers: [this.registry],
  });

  /** Of all gateways and engines, in the text format of Prometheus. A part that does not answer at once is left out. */
  async gather(runDirectory: string): Promise<string> {
    const names = (await readdir(runDirectory)).filter(name => name.endsWith('.sock'));
    const answers = await Promise.all(
      names.map(async name => {
        try {
          const socket = join(runDirectory, name);
          const {status, body} = await requestUnix({socket, method: 'GET', path: '/metrics', timeoutMs});
          return status === 200 ? (JSON.parse(body.toString()) as object[]) : undefined;
        } catch {
          return undefined;
        }
      }),
    );
    return AggregatorRegistry.aggregate(answers.filter(answer => answer !== undefined)).metrics();
  }
}
