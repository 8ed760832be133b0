/** The time, handed in. Real programs use `systemClock` of `cmd/`, tests a manual one. */
export interface Clock {
  /** Wall time in milliseconds since 1970. May jump either way. */
  now(): number;
  /** Milliseconds since some moment of this process; never goes back, and only differences mean anything. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
