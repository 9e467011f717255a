import type { RevocationTarget, SignedPolicy, SignedRevocation } from '../../protocols/namespaces/index.ts';

/** A policy as it stands: verified when it was taken. */
export type PolicyView = SignedPolicy;
export type RevocationView = SignedRevocation;

/** What this node knows of who may do what: policies of namespaces, and revocations. */
export interface Namespaces {
  /** The latest policy. Null: none is known; then the owner holds it, and nobody else has a right there. */
  policyOf(owner: string, namespace: string): PolicyView | null;
  /** All policies from the first, as far as they are here. */
  historyOf(owner: string, namespace: string): readonly PolicyView[];
  /** DIDs in whose names the link or the principal was revoked; undefined for nobody. */
  revokersOf(target: RevocationTarget): ReadonlySet<string> | undefined;
  /**
   * Takes a notice of this node's own operator or client, as if a peer had sent it, and gossips it. It is on disk when this
   * resolves. One that is known already is no error. Throws `CodedError`: those of protocols/namespaces, `no_room` (the disk is
   * full or fails), `closed`.
   */
  submit(bytes: Uint8Array): Promise<PolicyView | RevocationView>;
  /** `listener` is called after policies or revocations changed. It must not throw. Returns what ends it. */
  onChange(listener: () => void): () => void;
}
