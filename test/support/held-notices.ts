import {
  type HeldNotices,
  type NamespaceName,
  type PolicyHead,
  type RevocationTarget,
  type SignedNotice,
  type SignedPolicy,
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

  has(digest: Uint8Array): boolean {
    return this.all.has(hex(digest));
  }

  headOf({ owner, namespace }: NamespaceName): PolicyHead | undefined {
    const policies = [...this.all.values()].filter((one): one is SignedPolicy => one.kind === 'policy');
    return policies
      .filter((one) => one.owner === owner && one.namespace === namespace)
      .toSorted((a, b) => b.sequence - a.sequence)[0];
  }

  isRevokedBy(target: RevocationTarget, as: string): boolean {
    return [...this.all.values()].some(
      (one) => one.kind === 'revocation' && one.as === as && targetKey(one.target) === targetKey(target),
    );
  }

  isMissing({ digest }: SignedPolicy): boolean {
    return this.missing.has(hex(digest));
  }

  refusal(): string | null {
    return this.room;
  }

  put(notice: SignedNotice): void {
    this.all.set(hex(notice.digest), notice);
  }
}
