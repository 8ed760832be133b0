import type {Check} from './finding.ts';

/** Processes that their shell has given up, or starts again and again. */
export const checkParts: Check = {
  name: 'parts',
  find: ({homes}) =>
    homes.flatMap(({role, data, id, shell}) =>
      (shell?.parts ?? []).flatMap(({name, state, death = 'it does not say why'}) => {
        const part = role === 'agent' ? name.replace(/^payload-/, '') : name;
        const restart = `fustorctl ${role} restart ${id ?? role.toUpperCase()} ${part}`;
        const here = `curl -X POST --unix-socket ${data}/run/shell.sock http://_/parts/${name}/restart`;
        if (state === 'quarantined') {
          const problem = `It died too often and is not started again. The last time: ${death}`;
          return [{subject: name, problem, remedy: `Mend that, then: ${restart}, or here: ${here}`}];
        }
        if (state !== 'backoff') return [];
        const problem = `It died and is started again soon. The last time: ${death}`;
        return [{subject: name, problem, remedy: `Read why: tail ${data}/run/${name}.log`}];
      }),
    ),
};
