/** What the verifier of wallets' signatures counts. */
export interface WalletMetrics {
  /** Signatures verified, good or bad. */
  verified: number;
  /** Verifications refused because too many waited. */
  refused: number;
  /** Threads that ended without having been told to. */
  threadDeaths: number;
  /** Why the last of them did. */
  lastDeath: unknown;
}

export function createWalletMetrics(): WalletMetrics {
  return { verified: 0, refused: 0, threadDeaths: 0, lastDeath: null };
}
