import type {SiteFiles} from '../control/desired-state.ts';
import {unifiedDiff} from './line-diff.ts';

/** What is different, as `diff -ru` tells it, in the order of the paths; empty when nothing is. */
export function filesDiff(from: SiteFiles, to: SiteFiles): string {
  const paths = [...new Set([...from.keys(), ...to.keys()])].sort();
  return paths.map(path => fileDiff(path, from.get(path), to.get(path))).join('');
}

export function isSameFiles(one: SiteFiles, other: SiteFiles): boolean {
  return one.size === other.size && [...one].every(([path, text]) => other.get(path) === text);
}

function fileDiff(path: string, from: string | undefined, to: string | undefined): string {
  if (from === to) return '';
  const before = from === undefined ? '/dev/null' : `a/${path}`;
  const after = to === undefined ? '/dev/null' : `b/${path}`;
  return `--- ${before}\n+++ ${after}\n${unifiedDiff(from ?? '', to ?? '')}`;
}
