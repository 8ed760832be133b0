import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {AggregatorRegistry} from 'prom-client';
import {RequestMetrics} from '../../http/request-metrics.ts';
import {requestUnix} from '../../unix-socket.ts';

const timeoutMs = 500;

/** What a gateway tells of itself, and how it gathers what all parts of this fusion tell. */
export class GatewayMetrics extends RequestMetrics {
  constructor() {
    super('fustor_http');
  }

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
