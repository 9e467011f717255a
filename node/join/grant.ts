import { randomBytes } from 'node:crypto';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto, Ed25519Signer } from '../../protocols/common/crypto.ts';
import { didKey } from '../../protocols/common/did-key.ts';
import {
  type Action,
  ALL_NAMESPACES,
  type ChainVerifier,
  checkChain,
  Delegator,
  decodeLink,
  ed25519DelegationSigner,
  IdentityError,
  type Link,
} from '../../protocols/identity/index.ts';
import { JoinError, MEMBER_ROLES, type MemberRole } from '../../protocols/join/index.ts';
import { DELEGATION_LIFETIME_MS } from './limits.ts';

/** Actions of an invited machine, in all namespaces of the owner: everything but setting policies. Only a node sponsors. */
const ROLE_ACTIONS: Readonly<Record<MemberRole, readonly Action[]>> = {
  node: ['publish', 'read', 'sponsor', 'write'],
  gateway: ['publish', 'read', 'write'],
  member: ['publish', 'read', 'write'],
};
/** Where a delegation says that it was made for a member, and may be renewed: others end when they end. */
const ROLE_EXTENSION = 'member';

/** A delegation from the owner to an invited machine. */
export interface MemberGrant {
  readonly chain: readonly Uint8Array[];
  readonly endsAt: number;
}

/** Delegates to the key (multikey) of an invited machine. */
export async function delegateToMember(
  components: {
    readonly crypto: Pick<Crypto, 'sha256'>;
    readonly clock: Clock;
    readonly owner: Ed25519Signer;
  },
  init: { readonly swarm: string; readonly key: Uint8Array; readonly role: MemberRole },
): Promise<MemberGrant> {
  const { clock, owner } = components;
  const { swarm, key, role } = init;
  const signer = ed25519DelegationSigner(owner);
  const delegator = new Delegator({ ...components, signer, randomBytes }, { swarm });
  const actions = ROLE_ACTIONS[role];
  const resource = { swarm, owner: signer.did, namespace: ALL_NAMESPACES, actions, prefix: '' };
  const endsAt = clock.now() + DELEGATION_LIFETIME_MS;
  const { bytes } = await delegator.delegate({
    audience: didKey(key),
    resources: [resource],
    expiry: endsAt,
    ext: { [ROLE_EXTENSION]: role },
  });
  return { chain: [bytes], endsAt };
}

export interface GrantCheck {
  readonly chain: readonly Uint8Array[];
  /** Multikey of the machine's key. */
  readonly key: Uint8Array;
  /** DID. */
  readonly owner: string;
  readonly swarm: string;
}

/**
 * Checks a chain's current grant to a member. Throws `JoinError` `chain_refused` for one that lets it do less than a member does.
 */
export async function checkGrant(
  { verifier, clock }: { readonly verifier: ChainVerifier; readonly clock: Clock },
  { chain, key, owner, swarm }: GrantCheck,
): Promise<{
  readonly role: MemberRole | null;
  readonly endsAt: number | null;
  readonly links: readonly Link[];
}> {
  try {
    const verified = await verifier.verify(chain, key);
    if (verified.root !== owner) throw new JoinError('chain_refused', 'the delegation is not from the owner');
    const time = clock.now();
    const ext = verified.links.at(-1)?.ext;
    const role = MEMBER_ROLES.find((one) => one === ext?.[ROLE_EXTENSION]) ?? null;
    for (const action of ROLE_ACTIONS[role ?? 'member']) {
      checkChain(verified, { owner, namespace: ALL_NAMESPACES, action, resource: '', time }, swarm);
    }
    return { role, endsAt: earliestEnd(verified.links), links: verified.links };
  } catch (error) {
    if (!(error instanceof IdentityError) || error.code === 'overloaded') throw error;
    throw new JoinError('chain_refused', `the delegation does not hold: ${error.message}`);
  }
}

/** When a chain ends, milliseconds since the Unix epoch; null for never. Its links are read and not verified. */
export function endOf(
  { chain, swarm }: { readonly chain: readonly Uint8Array[]; readonly swarm: string },
  crypto: Pick<Crypto, 'sha256'>,
): number | null {
  return earliestEnd(chain.map((bytes) => decodeLink(bytes, crypto, swarm).link));
}

function earliestEnd(links: readonly Link[]): number | null {
  const ends = links.flatMap(({ expiry }) => expiry ?? []);
  return ends.length === 0 ? null : Math.min(...ends);
}
