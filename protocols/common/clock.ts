/** Time is injected, so that rules about time are tested without waiting for it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** A task that waits for its time. */
export interface Timer {
  /** The task does not run (again). */
  cancel(): void;
}

/** A clock that also runs tasks when their time has come. */
export interface TimerClock extends Clock {
  /** Milliseconds since a fixed moment. Unlike `now`, it never jumps when the time of day is set. */
  monotonicNow(): number;
  /** Runs `task` once, after `ms`. */
  setTimeout(task: () => void, ms: number): Timer;
  /** Runs `task` every `ms`. */
  setInterval(task: () => void, ms: number): Timer;
  /** A signal that aborts after `ms` with a `TimeoutError`. It keeps no process alive. */
  timeoutSignal(ms: number): AbortSignal;
}

export const systemClock: TimerClock = {
  now: () => Date.now(),
  monotonicNow: () => performance.now(),
  setTimeout: (task, ms) => {
    const timer = setTimeout(task, ms);
    return { cancel: () => clearTimeout(timer) };
  },
  setInterval: (task, ms) => {
    const timer = setInterval(task, ms);
    return { cancel: () => clearInterval(timer) };
  },
  timeoutSignal: (ms) => AbortSignal.timeout(ms),
};

/** Resolves after `ms`. Rejects with the reason of `signal` when that aborts before. */
export function sleep(clock: TimerClock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** How far a signed object's time may be from the receiver's clock, in milliseconds. */
export const CLOCK_SKEW_MS = 20_000;
/**
 * How far beyond the edge of its time an object may be without its forwarder being charged: it was within at a
 * peer whose clock differs by less, or a moment ago.
 */
export const CLOCK_GRACE_MS = 5_000;
