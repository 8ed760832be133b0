import {rootPath} from '../../../../core/entry/path.ts';
import {readMeta} from '../../../../core/query/meta.ts';
import {resolve} from '../../../../core/query/resolve.ts';
import type {GatewayApp, GatewayParts} from '../app.ts';

/** `/livez`, `/readyz`, `/metrics`: for those who run it, without a key. */
export function operationsRoutes(app: GatewayApp, {views, clock, metrics, runDirectory, leaving}: GatewayParts): void {
  app.get('/livez', context => context.json({status: 'ok'}));
  app.get('/readyz', context => {
    const states = views.all().map(({name, reader}) => {
      const {sync, complete} = reader.read(txn =>
        readMeta(txn, {view: name, nowMs: clock.now()}, resolve(txn, rootPath)),
      );
      return {sync, complete};
    });
    const isReady = !leaving.aborted;
    return context.json({status: isReady ? 'ready' : 'leaving', views: states.length, states}, isReady ? 200 : 503);
  });
  app.get('/metrics', async context => {
    const text = await metrics.gather(runDirectory);
    return context.body(text, 200, {'content-type': 'text/plain; version=0.0.4; charset=utf-8'});
  });
  for (const [path, summary] of [
    ['/livez', 'Whether this process runs.'],
    ['/readyz', 'Whether it answers queries.'],
    ['/metrics', 'Metrics of all parts, for Prometheus.'],
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
