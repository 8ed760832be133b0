import type {ControllerApp, ControllerAppParts} from '../app.ts';

/** `/livez`, `/readyz`, `/metrics`: for those who run it, without a key. */
export function operationsRoutes(app: ControllerApp, {controller, metrics, leaving}: ControllerAppParts): void {
  app.get('/livez', context => context.json({status: 'ok'}));
  app.get('/readyz', context => {
    const isReady = !leaving.aborted;
    return context.json({status: isReady ? 'ready' : 'leaving', agents: controller.counts()}, isReady ? 200 : 503);
  });
  app.get('/metrics', async context => {
    const text = await metrics.registry.metrics();
    return context.body(text, 200, {'content-type': 'text/plain; version=0.0.4; charset=utf-8'});
  });
  for (const [path, summary] of [
    ['/livez', 'Whether this process runs.'],
    ['/readyz', 'Whether it answers.'],
    ['/metrics', 'Metrics, for Prometheus.'],
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
