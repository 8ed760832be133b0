import type {Check} from './finding.ts';

const reasons: Record<string, string> = {
  ENOTFOUND: 'no host has this name',
  EAI_AGAIN: 'no name server answers',
};

/** Names in the configuration that mean no host. */
export const checkDns: Check = {
  name: 'dns',
  find: ({servers}) =>
    servers.flatMap(({host, purpose, lookupError}) => {
      if (lookupError === undefined) return [];
      const problem = `The name of the ${purpose} cannot be looked up: ${reasons[lookupError] ?? lookupError}.`;
      const remedy = `Check its spelling and "getent hosts ${host}", then /etc/resolv.conf; or put it into /etc/hosts.`;
      return [{subject: host, problem, remedy}];
    }),
};
