/** Waits that grow with each retry that was in vain. */
export interface BackOff {
  /** Before the first retry. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** By how much each wait is longer than the one before; twice when missing. */
  readonly factor?: number;
}

/** How long to wait after so many retries in a row that were in vain: 0 after the first failure. */
export function backOffMs(retries: number, { firstMs, maxMs, factor = 2 }: BackOff): number {
  return Math.min(maxMs, firstMs * factor ** retries);
}
