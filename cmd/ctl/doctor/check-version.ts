import {version as ownVersion} from '../../version.ts';
import type {Check, Finding} from './finding.ts';
import type {Home} from './place.ts';
import {linkOf} from './processes.ts';

/** Programs of one site that are not of one version, and executables that were put in place and are not used yet. */
export const checkVersion: Check = {
  name: 'version',
  find: ({homes, servers}) => [
    ...homes.flatMap(ofHome),
    ...servers.flatMap(({url, purpose, version}) => {
      if (version === undefined || version === ownVersion) return [];
      const problem = `The ${purpose} runs version ${version}; this fustorctl is ${ownVersion}.`;
      return [
        {subject: url, problem, remedy: 'Bring all to one version: first the controller, then fusions, then agents.'},
      ];
    }),
  ],
};

function ofHome({role, data, shellPid, shell}: Home): Finding[] {
  if (shellPid === undefined) return [];
  const subject = `${role} on ${data}`;
  const executable = linkOf(`/proc/${shellPid}/exe`);
  const restart = `systemctl reload fustor-${role}, or kill -HUP ${shellPid}: no request is lost.`;
  if (executable?.endsWith(' (deleted)')) {
    const problem = `Another executable stands at ${executable.replace(/ \(deleted\)$/, '')}, and the old one still runs.`;
    return [{subject, problem, remedy: restart}];
  }
  const version = shell?.version;
  if (version === undefined || version === ownVersion) return [];
  const problem = `Version ${version} runs; this fustorctl is ${ownVersion}.`;
  return [{subject, problem, remedy: `Put the executable of ${ownVersion} in its place, then: ${restart}`}];
}
