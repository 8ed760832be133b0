import {agentSummary} from '../../../core/control/answers.ts';
import {partOfPipe} from '../../../core/control/part-names.ts';
import {queryOf} from '../../http/api.ts';
import {readParameters} from '../../http/parameters.ts';
import {readJson} from '../../http/read-json.ts';
import type {ControllerApp, ControllerAppParts, ControllerContext} from '../app.ts';
import {commandOrder} from './description.ts';

const orderBytesMax = 16 * 1024;

/** `/api/v1/agents`: how the agents are, and commands for them. */
export function agentRoutes(app: ControllerApp, {controller}: ControllerAppParts): void {
  const withoutParameters = (context: ControllerContext) => void readParameters(queryOf(context), []);
  app.get('/api/v1/agents', context => {
    withoutParameters(context);
    return context.json({data: controller.agents().map(agentSummary)});
  });
  app.get('/api/v1/agents/:id', context => {
    withoutParameters(context);
    return context.json({data: controller.agent(context.req.param('id'))});
  });
  app.post('/api/v1/agents/:id/commands', async context => {
    withoutParameters(context);
    const order = await readJson(context, commandOrder, {
      bytesMax: orderBytesMax,
      looksLike: '{"command": "restart", "pipe": "research"}',
    });
    const {command, isNew} = await controller.order({
      id: order.id,
      agent: context.req.param('id'),
      part: partOfPipe(order.pipe),
      command: order.command,
      key: context.get('key').name,
      deadlineMs: order.deadline_ms,
    });
    return context.json({data: command}, isNew ? 202 : 200);
  });
  app.get('/api/v1/agents/:id/commands/:command', context => {
    withoutParameters(context);
    return context.json({data: controller.command(context.req.param('id'), context.req.param('command'))});
  });
}
