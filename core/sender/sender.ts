import type {
  HeartbeatRequest,
  OpenSessionAnswer,
  OpenSessionRequest,
  SessionProgress,
  ToldUntil,
} from '../protocol/session.ts';
import type {SyncPointAnswer, SyncPointRequest} from '../protocol/sync-point.ts';

/**
 * Where a pipe's batches go. Every method rejects with a FustorError; `retry` of its code tells whether the same call may
 * succeed later (the pipe backs off and calls again). SESSION_UNKNOWN: open a new session.
 */
export interface Sender {
  open(request: OpenSessionRequest, signal: AbortSignal): Promise<OpenSessionAnswer>;
  heartbeat(session: string, request: HeartbeatRequest, signal: AbortSignal): Promise<SessionProgress>;
  /**
   * Sends the encoded bytes of one batch; resolves when its effects are stored. Several may be under way at once; the
   * view applies them in the order of their numbers.
   */
  send(batch: SentBatch, signal: AbortSignal): Promise<SessionProgress>;
  /** Tells what became of a sync point, and asks for the next. ROUTE_NOT_FOUND: the view's version has none. */
  syncPoint(session: string, request: SyncPointRequest, signal: AbortSignal): Promise<SyncPointAnswer>;
  /** Ends the session, so that leadership passes at once. */
  end(session: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** `toldUntil` as in `Batch`. */
export type SentBatch = {
  session: string;
  number: number;
  sentAt: number;
  toldUntil?: ToldUntil | undefined;
  bytes: Uint8Array;
};
