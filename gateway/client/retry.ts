/** When something is tried again that a broken connection, or a gateway that has much to do, kept from being done. */
import { ClientError } from './errors.ts';

/** Tries in a row that get nowhere: about a minute. */
export const TRIES_MAX = 8;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 16_000;
const TRY_LATER: ReadonlySet<string> = new Set([
  'overloaded',
  'going_away',
  'rate_limited',
  'request_timeout',
]);

/** Whether trying again may come to something else. */
export function mayPass(error: unknown): error is ClientError {
  return error instanceof ClientError && (error.code === 'unreachable' || TRY_LATER.has(error.code));
}

/** Waits before the next try, longer each time. Rejects with the signal's reason. */
export async function waitToRetry(tries: number, signal: AbortSignal | undefined): Promise<void> {
  const ms = Math.min(FIRST_WAIT_MS * 2 ** tries, LONGEST_WAIT_MS);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const onAbort = (): void => reject(signal?.reason as Error);
  signal?.addEventListener('abort', onAbort);
  try {
    signal?.throwIfAborted();
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
