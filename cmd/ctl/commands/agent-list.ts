import {listOf} from './get.ts';

export const agentList = listOf('agents', {
  name: 'agent list',
  summary: 'List all agents that the controller has ever heard, and since when they are online or silent.',
});
