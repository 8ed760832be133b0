import {globSync, statfsSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {StageSettings} from './stage.ts';

const root = join(import.meta.dirname, '../..');
const programs = ['fustor-agent', 'fustor-fusion', 'fustorctl'];

/** Why a run of these groups would mean nothing or break off, and what to do; undefined when nothing is in its way. */
export function whyNot(groups: string[], settings: StageSettings): string | undefined {
  return whyNotTheseExecutables() ?? whyNotEnoughRoom(groups, settings);
}

/** What is measured must be what is in the sources. */
function whyNotTheseExecutables(): string | undefined {
  const built = programs.map(name => ({name, at: modifiedAt(join(root, 'dist', name))}));
  const missing = built.filter(({at}) => at === undefined).map(({name}) => `dist/${name}`);
  if (missing.length > 0) return `There is no ${missing.join(' and no ')}. Run "npm run build" first.`;
  const builtAt = Math.min(...built.map(({at}) => at!));
  const sources = globSync('{cmd,core,drivers,store,build}/**/*.ts', {cwd: root}).filter(
    path => !path.endsWith('.test.ts'),
  );
  const newer = sources.find(path => modifiedAt(join(root, path))! > builtAt);
  return newer && `The executables in dist/ are older than ${newer}. Run "npm run build" first.`;
}

/** Of the made files, measured on ext4, and of the stores of views of them, with a margin. */
const perFile = {bytes: 1_500, inodes: 1.1};

function whyNotEnoughRoom(groups: string[], {files, largeFiles}: StageSettings): string | undefined {
  const {bavail, bsize, ffree, files: inodes} = statfsSync(tmpdir());
  const large = groups.includes('large') ? largeFiles : 0;
  // As root that tree is in a file system of its own (`ScratchDisk`).
  const inodesOutside = files + (process.getuid!() === 0 ? 0 : large);
  const needed = {bytes: (files + large) * perFile.bytes, inodes: inodesOutside * perFile.inodes};
  // btrfs and others count no inodes.
  if (needed.bytes <= bavail * bsize && (inodes === 0 || needed.inodes <= ffree)) return undefined;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  const millions = (count: number) => `${(count / 1e6).toFixed(1)} million`;
  return [
    `${tmpdir()} has ${gigabytes(bavail * bsize)} and room for ${millions(ffree)} files;`,
    `${files.toLocaleString('en')} files and ${largeFiles.toLocaleString('en')} of the group large need`,
    `${gigabytes(needed.bytes)} and ${millions(needed.inodes)}.`,
    'Use another disk (TMPDIR=…), "--large 1000000", or "--only" without large.',
  ].join(' ');
}

function modifiedAt(path: string): number | undefined {
  return statSync(path, {throwIfNoEntry: false})?.mtimeMs;
}
