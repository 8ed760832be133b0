import type {OpenAPIHono} from '@hono/zod-openapi';
import type {ApiEnv} from './api.ts';

export type Operations = {
  /** What `/readyz` tells besides whether it is ready. */
  facts: () => object;
  /** In the text format of Prometheus. */
  metrics: () => Promise<string>;
  /** Aborts when this process is to end: it is not ready any more. */
  leaving: AbortSignal;
};

/** `/livez`, `/readyz`, `/metrics`: for those who run it, without a key. */
export function operationsRoutes(app: OpenAPIHono<ApiEnv>, {facts, metrics, leaving}: Operations): void {
  app.get('/livez', context => context.json({status: 'ok'}));
  app.get('/readyz', context => {
    const isReady = !leaving.aborted;
    return context.json({status: isReady ? 'ready' : 'leaving', ...facts()}, isReady ? 200 : 503);
  });
  app.get('/metrics', async context => {
    return context.body(await metrics(), 200, {'content-type': 'text/plain; version=0.0.4; charset=utf-8'});
  });
  for (const [path, summary] of [
    ['/livez', 'Whether this process runs.'],
    ['/readyz', 'Whether it answers.'],
    ['/metrics', 'Metrics of all its parts, for Prometheus.'],
  ] as const) {
    app.openAPIRegistry.registerPath({
      method: 'get',
      path,
      summary,
      security: [],
      responses: {200: {description: 'Yes.'}},
    });
  }
}
