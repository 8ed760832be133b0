import {z} from '@hono/zod-openapi';
import {readParameters} from '../../../http/parameters.ts';
import type {GatewayApp, GatewayParts} from '../app.ts';
import {queryOf} from '../app.ts';

const answer = z.object({data: z.array(z.object({name: z.string()}))});

/** `GET /views`: the views that the key may see. */
export function viewsRoutes(app: GatewayApp, {views}: GatewayParts): void {
  app.get('/api/v1/views', context => {
    readParameters(queryOf(context), []);
    return context.json({data: views.visibleTo(context.get('key')).map(({name}) => ({name}))});
  });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/v1/views',
    summary: 'The views that this key may see.',
    responses: {200: {description: 'Their names.', content: {'application/json': {schema: answer}}}},
  });
}
