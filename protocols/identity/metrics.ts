import { IDENTITY_ERRORS, type IdentityErrorCode } from './errors.ts';

/** Counters of chains. True counters: they only grow. */
export interface IdentityMetrics {
  /** Chains whose signatures were verified and held. */
  chainsVerified: number;
  /** Chains that were known to be good, or were being verified already. */
  chainsFromCache: number;
  signaturesVerified: number;
  /** Chains not taken, by reason. */
  readonly refused: Record<IdentityErrorCode, number>;
}

export function createIdentityMetrics(): IdentityMetrics {
  const refused = Object.fromEntries(Object.keys(IDENTITY_ERRORS).map((code) => [code, 0]));
  return {
    chainsVerified: 0,
    chainsFromCache: 0,
    signaturesVerified: 0,
    refused: refused as Record<IdentityErrorCode, number>,
  };
}
