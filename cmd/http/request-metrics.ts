import {Counter, Histogram, Registry} from 'prom-client';

/** What every server tells of the requests that it answers. */
export class RequestMetrics {
  readonly registry = new Registry();
  readonly requests: Counter<'route' | 'method' | 'status'>;
  readonly seconds: Histogram<'route'>;

  constructor(prefix: string) {
    this.requests = new Counter({
      name: `${prefix}_requests_total`,
      help: 'Requests by route, method and status.',
      labelNames: ['route', 'method', 'status'],
      registers: [this.registry],
    });
    this.seconds = new Histogram({
      name: `${prefix}_request_seconds`,
      help: 'From the request to the begin of its answer.',
      labelNames: ['route'],
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
      registers: [this.registry],
    });
  }
}
