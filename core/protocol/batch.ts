import type {Hlc} from '../time/hlc.ts';
import type {FsEvent} from './events.ts';
import type {ToldUntil} from './session.ts';

/**
 * What travels from a pipe to a view. Batches of a session are numbered 1, 2, 3 …; the engine stores the last number in the
 * same transaction as the batch's effects, so a batch that is sent again changes nothing.
 */
export type Batch = {
  session: string;
  number: number;
  /** The agent's monotonic clock when this copy of the batch was sent, in milliseconds. */
  sentAt: number;
  heard: Heard | undefined;
  /** As it was when the batch was made. Undefined: nothing is known of it. */
  toldUntil?: ToldUntil | undefined;
  events: readonly FsEvent[];
};

/**
 * A value of the view's clock and the moment of the agent's monotonic clock at which it was received: what the agent observed
 * later happened later than that. Of several the one that was received fastest says most.
 */
export type Heard = {hlc: Hlc; at: number};

export const schemaName = 'fs';
export const batchContentType = 'application/cbor';
/** The `sentAt` of a batch travels beside it, in this header, so that the bytes of a batch that is sent again stay the same. */
export const sentAtHeader = 'x-fustor-sent-at';
/** The batch's number, so that batches can be put in order, and skipped, without being decoded. */
export const batchNumberHeader = 'x-fustor-batch';
