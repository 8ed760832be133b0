import type {Condition} from './condition.ts';
import type {Facts} from './facts.ts';
import {next} from './next-command.ts';

/** What is wrong with the controller's own doings. */
export function siteConditions({git, pin, storeTrouble}: Facts): Condition[] {
  const found: Condition[] = [];
  if (git?.failing) {
    const {reason, since} = git.failing;
    const problem = `The last good revision stays in force, because Git brings no other: ${reason}`;
    found.push({kind: 'git_failing', subject: 'git', severity: 'error', problem, next: next.sync, since});
  }
  if (pin) {
    const problem = `Changes do not come into force: ${pin.by} has pinned revision ${pin.revision}.`;
    const subject = `revision/${pin.revision}`;
    found.push({kind: 'pinned', subject, severity: 'notice', problem, next: next.release, since: pin.at});
  }
  if (storeTrouble !== undefined) {
    const problem = `The controller cannot store anything: ${storeTrouble}`;
    found.push({kind: 'store_trouble', subject: 'controller', severity: 'error', problem, next: next.status});
  }
  return found;
}
