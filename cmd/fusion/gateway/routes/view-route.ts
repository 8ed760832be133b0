import {z} from '@hono/zod-openapi';
import type {GatewayApp, GatewayContext} from '../app.ts';
import type {View, Views} from '../views.ts';
import {errorAnswers} from './schemas.ts';

type Description = {
  /** Behind the view: `fs/stats`. */
  name: string;
  summary: string;
  query: z.ZodObject;
  responses: Record<number, {description: string; content?: Record<string, {schema: z.ZodType}>}>;
};

/** A GET of a view, at both its addresses, and its description: `/api/v1/…` for a key that sees exactly one view. */
export function viewRoute(
  app: GatewayApp,
  views: Views,
  {name, summary, query, responses}: Description,
  answer: (context: GatewayContext, view: View) => Response | Promise<Response>,
): void {
  app.get(`/api/v1/${name}`, context => answer(context, views.only(context.get('key'))));
  app.get(`/api/v1/views/:view/${name}`, context =>
    answer(context, views.find(context.get('key'), context.req.param('view')!)),
  );
  for (const prefix of ['/api/v1', '/api/v1/views/{view}']) {
    app.openAPIRegistry.registerPath({
      method: 'get',
      path: `${prefix}/${name}`,
      summary,
      request: {query, ...(prefix.includes('{view}') && {params: z.object({view: z.string()})})},
      responses: {...errorAnswers, ...responses},
    });
  }
}
