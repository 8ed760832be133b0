import type {Check} from './finding.ts';

/** Configurations with mistakes, and those that a running shell does not use. */
export const checkConfig: Check = {
  name: 'config',
  find: ({homes, mistakes}) => [
    ...mistakes,
    ...homes.flatMap(({role, data, shell}) =>
      shell?.refused === undefined
        ? []
        : {
            subject: `${role} on ${data}`,
            problem: `It does not use its newest configuration: ${shell.refused}`,
            remedy: `Mend that, then: kill -HUP ${shell.pid}`,
          },
    ),
  ],
};
