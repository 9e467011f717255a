import { NAMESPACES_ERRORS, type NamespacesErrorCode } from './errors.ts';

/** Counters of the protocol. True counters: they only grow. */
export interface NamespacesMetrics {
  policiesAccepted: number;
  revocationsAccepted: number;
  sponsorshipsAccepted: number;
  /** Signatures of notices verified. */
  noticesVerified: number;
  questionsAnswered: number;
  /** Questions of peers that ask too much. */
  questionsRefused: number;
  /** Notices and frames not taken, by reason. */
  readonly refused: Record<NamespacesErrorCode, number>;
}

export function createNamespacesMetrics(): NamespacesMetrics {
  const refused = Object.fromEntries(Object.keys(NAMESPACES_ERRORS).map((code) => [code, 0]));
  return {
    policiesAccepted: 0,
    revocationsAccepted: 0,
    sponsorshipsAccepted: 0,
    noticesVerified: 0,
    questionsAnswered: 0,
    questionsRefused: 0,
    refused: refused as Record<NamespacesErrorCode, number>,
  };
}
