import {agentsGone} from './agents-gone.ts';
import {calm} from './calm.ts';
import type {Fault} from './fault.ts';
import {frozen} from './frozen.ts';
import {fullDisk} from './full-disk.ts';
import {fusionGone} from './fusion-gone.ts';
import {killed} from './killed.ts';
import {refusedReload} from './refused-reload.ts';
import {reloadedAgent} from './reloaded-agent.ts';
import {reloadedFusion} from './reloaded-fusion.ts';
import {restarted} from './restarted.ts';
import {upgraded} from './upgraded.ts';

/** What happens in a run; the cold start and the first snapshot happen at the beginning of each. */
export const faults: readonly Fault[] = [
  killed('agent-shell', 5),
  killed('payload', 5),
  killed('fusion-shell', 5),
  killed('engine', 5),
  killed('gateway', 5),
  killed('controller', 2),
  frozen('engine', 2),
  frozen('payload', 2),
  restarted('agent', 3),
  restarted('fusion', 3),
  reloadedAgent,
  reloadedFusion,
  refusedReload,
  upgraded('agent', 3),
  upgraded('fusion', 3),
  fullDisk,
  agentsGone,
  fusionGone,
  calm,
];
