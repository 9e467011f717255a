/** Time is injected, so that rules about time are tested without waiting for it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** How far a signed object's time may be from the receiver's clock, in milliseconds. */
export const CLOCK_SKEW_MS = 20_000;
/**
 * How far beyond the edge of its time an object may be without its forwarder being charged: it was within at a
 * peer whose clock differs by less, or a moment ago.
 */
export const CLOCK_GRACE_MS = 5_000;
