import {listOf} from './get.ts';

/** `get KIND`, as the nouns have it. */

export const agentList = listOf('agents', {
  name: 'agent list',
  summary: 'List all agents that the controller has ever heard, and since when they are online or silent.',
});
export const fusionList = listOf('fusions', {
  name: 'fusion list',
  summary: 'List all fusions that the controller has ever heard, and since when they are online or silent.',
});
export const keyList = listOf('keys', {name: 'key list', summary: 'List the API keys; what they are is never shown.'});
export const enrollTokenList = listOf('enroll-tokens', {
  name: 'enroll-token list',
  summary: 'List the enrolment tokens, how often they can still be used and until when.',
});
export const credentialList = listOf('credentials', {
  name: 'credential list',
  summary: 'List the credentials by their names; their values are never shown.',
});
export const identityList = listOf('identities', {
  name: 'identity list',
  summary: 'List who has enrolled: agents and fusions, the revoked ones too.',
});
