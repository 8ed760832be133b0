import type {Check} from './finding.ts';

/** Node raises its own limit to the hard one. A gateway has a file for each client, an agent few. */
const wanted = {agent: 512, fusion: 4_096, controller: 4_096} as const;

export const checkOpenFiles: Check = {
  name: 'open files',
  find: ({homes}, facts) =>
    homes.flatMap(({role, data, shellPid}) => {
      const limits = facts.readText(`/proc/${shellPid ?? 'self'}/limits`) ?? '';
      const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1] ?? 'unlimited';
      if (hard === 'unlimited' || Number(hard) >= wanted[role]) return [];
      const who = shellPid === undefined ? 'A process started here' : 'It';
      const problem = `${who} may have only ${hard} files open; wanted ${wanted[role]}.`;
      const remedy = `Set LimitNOFILE=65536 in its unit ("systemctl edit fustor-${role}"), or raise "ulimit -Hn", and start it again.`;
      return [{subject: `${role} on ${data}`, problem, remedy}];
    }),
};
