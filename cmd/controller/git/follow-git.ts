import {join} from 'node:path';
import type {GitConfig} from '../../../core/config/schema.ts';
import type {DesiredState} from '../../../core/control/desired-state.ts';
import {GitFollower} from '../../../core/git/git-follower.ts';
import type {Log} from '../../../core/log/log.ts';
import {systemClock} from '../../system-clock.ts';
import type {GitParts} from '../routes/git.ts';
import {BareRepository} from './bare-repository.ts';
import {takeApart} from './git-url.ts';

/** What has the desired state follow Git; its copy of the repository is below the data directory of the controller. */
export function gitPartsOf(
  settings: GitConfig | undefined,
  {directory, desired, log}: {directory: string; desired: DesiredState; log: Log},
): GitParts | undefined {
  if (!settings) return undefined;
  const repository = new BareRepository(settings, {directory: join(directory, 'git'), env: process.env});
  const shown = {...settings, url: takeApart(settings.url).shown};
  const parts = {repository, desired, clock: systemClock, random: Math.random, log};
  return {follower: new GitFollower(shown, parts), webhookSecret: settings.webhookSecret};
}
