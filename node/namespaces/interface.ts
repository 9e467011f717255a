import type {
  RevocationTarget,
  SignedPolicy,
  SignedRevocation,
  SignedSponsorship,
  SponsorshipPlace,
} from '../../protocols/namespaces/index.ts';

/** A policy as it stands: verified when it was taken. */
export type PolicyView = SignedPolicy;
export type RevocationView = SignedRevocation;

export type NoticeView = SignedPolicy | SignedRevocation | SignedSponsorship;

/** A holder that named an operator, which accepted. */
export interface SponsorshipView extends SponsorshipPlace {
  readonly time: number;
}

/** This node's knowledge of rights: policies of namespaces, revocations, and sponsorships. */
export interface Namespaces {
  /** The latest policy. Null: none is known; then the owner holds it, and nobody else has a right there. */
  policyOf(owner: string, namespace: string): PolicyView | null;
  /** All policies from the first, as far as they are here. */
  historyOf(owner: string, namespace: string): readonly PolicyView[];
  /** DIDs in whose names the link or the principal was revoked; undefined for nobody. */
  revokersOf(target: RevocationTarget): ReadonlySet<string> | undefined;
  /**
   * DIDs of the operators whose nodes keep durable replicas of a namespace: its holder itself first, then those that the holder named
   * and that accepted, ascending. `holder`: another one than the present, who held it before.
   */
  sponsorsOf(owner: string, namespace: string, holder?: string): readonly string[];
  /** The sponsorships by an operator: those neither withdrawn nor revoked. */
  sponsorshipsBy(operator: string): readonly SponsorshipView[];
  /** Another number after every change of what is known: what was derived from it stands as long as this does. */
  readonly version: number;
  /**
   * Takes a notice of this node's own operator or client, as if a peer had sent it, and gossips it. It is on disk when this
   * resolves. One that is known already is no error. Throws `CodedError`: those of protocols/namespaces, `no_room` (the disk is
   * full or fails), `closed`.
   */
  submit(bytes: Uint8Array): Promise<NoticeView>;
  /** `listener` is called after policies, revocations or sponsorships changed. It must not throw. Returns what ends it. */
  onChange(listener: () => void): () => void;
}
