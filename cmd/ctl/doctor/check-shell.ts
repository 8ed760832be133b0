import {existsSync} from 'node:fs';
import type {Check} from './finding.ts';
import {processText} from './processes.ts';

/** Shells that should run and do not, or do not answer. */
export const checkShell: Check = {
  name: 'shell',
  find: ({homes}) =>
    homes
      .filter(({role}) => role !== 'controller')
      .flatMap(({role, data, shellPid, shell}) => {
        if (shell) return [];
        const subject = `${role} on ${data}`;
        if (shellPid !== undefined) {
          const problem = `Its shell, ${processText(shellPid)}, runs and does not answer.`;
          return [{subject, problem, remedy: `Kill it, its parts go on: kill -9 ${shellPid}; then start it again.`}];
        }
        const problem = existsSync(data) ? 'Its shell does not run.' : 'It has never been started here.';
        const remedy = `Start it: systemctl start fustor-${role}, or fustor-${role} --config FILE.`;
        return [{subject, problem, remedy}];
      }),
};
