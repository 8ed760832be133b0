import {agentOrder} from './agent-order.ts';

export const agentRestart = agentOrder({
  order: 'restart',
  summary:
    'Have the process of a pipe, or of all pipes of an agent, end by itself and start again; one that does not is killed.',
});
