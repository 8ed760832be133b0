import {lstatSync, readdirSync, type Stats} from 'node:fs';
import {join} from 'node:path';
import type {Check, Finding} from './finding.ts';
import type {Home} from './place.ts';

/** Who can read and who has to: keys in files that are open to others, and files that the node's own user cannot read. */
export const checkSecrets: Check = {
  name: 'secrets',
  find: ({homes, files}) => [...files.flatMap(openToOthers), ...homes.flatMap(inHome)],
};

/** A service's group may read what it is configured with, others may not. */
function openToOthers(file: string): Finding[] {
  const stats = statsOf(file);
  if (!stats || (stats.mode & 0o007) === 0) return [];
  const problem = `It holds secrets and is open to everybody (mode ${modeText(stats)}).`;
  return [{subject: file, problem, remedy: `chmod o-rwx ${file}`}];
}

function inHome({data}: Home): Finding[] {
  const home = statsOf(data);
  if (!home) return [];
  const entries = [data, ...['run', 'identity', 'spool', 'storages'].map(name => join(data, name))].flatMap(entriesOf);
  const foreign = entries.filter(path => {
    const uid = statsOf(path)?.uid;
    return uid !== undefined && uid !== home.uid;
  });
  const secrets = entries.filter(path => /\.key$|\/identity\.json$/.test(path));
  return [
    ...((home.mode & 0o007) === 0
      ? []
      : [{subject: data, problem: `It is open to everybody (mode ${modeText(home)}).`, remedy: `chmod 700 ${data}`}]),
    ...secrets.flatMap(path => {
      const stats = statsOf(path)!;
      if ((stats.mode & 0o077) === 0) return [];
      return [
        {
          subject: path,
          problem: `It is a secret and open to others (mode ${modeText(stats)}).`,
          remedy: `chmod 600 ${path}`,
        },
      ];
    }),
    ...(foreign.length === 0
      ? []
      : [
          {
            subject: foreign[0]!,
            problem: `It belongs to another user than ${data}${foreign.length > 1 ? `, and so do ${foreign.length - 1} more` : ''}: perhaps it was once started as root.`,
            remedy: `chown -R --reference=${data} ${data}`,
          },
        ]),
  ];
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).map(name => join(directory, name));
  } catch {
    return [];
  }
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, {throwIfNoEntry: false});
}

function modeText({mode}: Stats): string {
  return (mode & 0o777).toString(8).padStart(3, '0');
}
