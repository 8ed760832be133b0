import type {PipeSupervisionConfig, SupervisionConfig} from '../../core/config/schema.ts';
import type {Supervision} from '../../core/shell/part.ts';

/** For what is left alone when it dies too often: one pipe of several, whose operator is told. */
export function withQuarantine(config: PipeSupervisionConfig): Supervision {
  const {quarantineDeaths: deaths, quarantineWindowMs: windowMs} = config;
  return {...limitsOf(config), pauseMsMax: 60_000, graceMs: 10_000, quarantine: {deaths, windowMs}};
}

/** For what must run whatever happens: it is tried again and again. */
export function withoutQuarantine(
  config: SupervisionConfig,
  {pauseMsMax, graceMs = 10_000}: {pauseMsMax: number; graceMs?: number},
): Supervision {
  return {...limitsOf(config), pauseMsMax, graceMs, quarantine: undefined};
}

function limitsOf({memoryBytesMax, unansweringAfterMs, stalledAfterMs}: SupervisionConfig) {
  return {memoryBytesMax, unansweringAfterMs, stalledAfterMs};
}
