import {execFileSync} from 'node:child_process';
import {closeSync, openSync} from 'node:fs';
import {systemErrorCode} from '../../core/errors/fustor-error.ts';

export type Problem = {message: string; hint: string};

/** What keeps the user of a service from reading these files. Whether it may is only known to root. */
export function userProblems(user: string, files: string[]): Problem[] {
  const ids = lookUp(user);
  if (!ids) {
    return [
      {
        message: `There is no user "${user}" on this host.`,
        hint: `Make it: useradd --system --user-group --no-create-home --shell /usr/sbin/nologin ${user}`,
      },
    ];
  }
  if (process.getuid!() !== 0) return [];
  return files.flatMap(file => {
    const code = asUser(ids, () => whyNotReadable(file));
    if (code === undefined) return [];
    const reason = code === 'ENOENT' ? 'it does not exist' : code === 'EACCES' ? 'it may not' : code;
    return [
      {
        message: `The user "${user}" cannot read ${file}: ${reason}.`,
        hint: `Let it, and nobody else: chgrp ${user} ${file} && chmod g+r,o-rwx ${file}`,
      },
    ];
  });
}

type Ids = {uid: number; gid: number; groups: number[]};

/** Also of users that a directory service knows. */
function lookUp(user: string): Ids | undefined {
  try {
    const id = (flag: string) => execFileSync('id', [flag, '--', user], {encoding: 'utf8', stdio: 'pipe'});
    return {uid: Number(id('-u')), gid: Number(id('-g')), groups: id('-G').trim().split(' ').map(Number)};
  } catch {
    return undefined;
  }
}

/** Runs a body that does not wait with the rights of another user, and with its groups. */
function asUser<T>({uid, gid, groups}: Ids, body: () => T): T {
  const before = {groups: process.getgroups!(), gid: process.getegid!(), uid: process.geteuid!()};
  try {
    process.setgroups!(groups);
    process.setegid!(gid);
    process.seteuid!(uid);
    return body();
  } finally {
    process.seteuid!(before.uid);
    process.setegid!(before.gid);
    process.setgroups!(before.groups);
  }
}

function whyNotReadable(file: string): string | undefined {
  try {
    closeSync(openSync(file, 'r'));
    return undefined;
  } catch (error) {
    return systemErrorCode(error) ?? String(error);
  }
}
