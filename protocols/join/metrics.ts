import { JOIN_ERRORS, type JoinErrorCode } from './errors.ts';

/** Counters of the protocol. True counters: they only grow. */
export interface JoinMetrics {
  /** Invites that were redeemed, and delegations that were renewed. */
  granted: number;
  /** Requests not granted, by reason. */
  readonly refused: Record<JoinErrorCode, number>;
}

export function createJoinMetrics(): JoinMetrics {
  const refused = Object.fromEntries(Object.keys(JOIN_ERRORS).map((code) => [code, 0]));
  return { granted: 0, refused: refused as Record<JoinErrorCode, number> };
}
