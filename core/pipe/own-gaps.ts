import type {FsEvent, PhaseEvent} from '../protocol/events.ts';

/**
 * Gaps that the pipe itself makes: what it could not keep is read again. The reading begins when the view has the gap, so
 * that its evidence is later than all that the view was told before.
 */
export const renamedTooOften = 'it was renamed too often to be told';
export const lostByView = 'the view has lost what it had confirmed';
export const thrownAway = 'the pipe had no room left';

export type GapEvent = PhaseEvent & {phase: 'gap'};

export function isOwnGap(event: FsEvent, ...reasons: string[]): event is GapEvent {
  if (event.kind !== 'phase' || event.phase !== 'gap') return false;
  const {reason} = event;
  return (reasons.length > 0 ? reasons : [renamedTooOften, thrownAway, lostByView]).some(own => reason.startsWith(own));
}
