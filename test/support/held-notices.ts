import {
  type HeldNotices,
  type NamespaceName,
  type PolicyHead,
  type RevocationTarget,
  type SignedNotice,
  type SignedPolicy,
  type SignedSponsorship,
  type SponsorshipHead,
  type SponsorshipPlace,
  sponsorshipKey,
  targetKey,
} from '../../protocols/namespaces/index.ts';

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Notices in memory, without bounds. */
export class NoticesInMemory implements HeldNotices {
  readonly all = new Map<string, SignedNotice>();
  /** Digests of policies that count as lost. */
  readonly missing = new Set<string>();
  room: string | null = null;
  readonly #heads = new Map<string, SignedPolicy>();
  readonly #revoked = new Set<string>();
  readonly #sponsorships = new Map<string, SignedSponsorship>();

  has(digest: Uint8Array): boolean {
    return this.all.has(hex(digest));
  }

  headOf({ owner, namespace }: NamespaceName): PolicyHead | undefined {
    return this.#heads.get(`${owner} ${namespace}`);
  }

  isRevokedBy(target: RevocationTarget, as: string): boolean {
    return this.#revoked.has(`${as} ${targetKey(target)}`);
  }

  isMissing({ digest }: SignedPolicy): boolean {
    return this.missing.has(hex(digest));
  }

  sponsorshipIn(place: SponsorshipPlace): SponsorshipHead | undefined {
    return this.#sponsorships.get(sponsorshipKey(place));
  }

  refusal(): string | null {
    return this.room;
  }

  put(notice: SignedNotice): void {
    this.all.set(hex(notice.digest), notice);
    if (notice.kind === 'revocation') this.#revoked.add(`${notice.as} ${targetKey(notice.target)}`);
    else if (notice.kind === 'sponsorship') this.#sponsorships.set(sponsorshipKey(notice), notice);
    else if (notice.sequence > (this.headOf(notice)?.sequence ?? 0)) {
      this.#heads.set(`${notice.owner} ${notice.namespace}`, notice);
    }
  }
}
