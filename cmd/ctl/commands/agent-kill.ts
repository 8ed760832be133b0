import {agentOrder} from './agent-order.ts';

export const agentKill = agentOrder({
  order: 'kill',
  summary: 'Have the process of a pipe, or of all pipes of an agent, killed (-9) and started again.',
});
