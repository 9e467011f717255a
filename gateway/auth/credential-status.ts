/** Conditions for a stream to continue. */
import type { MaillonNode } from '../../node/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { ApiKeys } from './api-keys.ts';
import type { HeldPrincipal, Principal } from './identity.ts';
import { STANDING_BATCH } from './limits.ts';
import type { Sessions } from './sessions.ts';

/** Message for a stream that is closed for this reason. */
export const CREDENTIAL_ENDED = 'the session or API key has ended: sign in again';

export interface CredentialStatus {
  /** Id of the session or API key. An access token's own end does not matter: its session goes on. */
  readonly origin: string;
  /** When it ends in any case. */
  readonly endsAt: number | undefined;
  /** The wallet's delegation, which it may withdraw on the mesh; null for what the operator holds. */
  readonly delegated: Delegated | null;
}

interface Delegated {
  readonly owner: string;
  readonly namespace: string;
  readonly chain: readonly Uint8Array[];
}

/** Null for whoever acts without a session or an API key. */
export function standingOf(principal: Principal): CredentialStatus | null {
  switch (principal.kind) {
    case 'session':
      return { origin: principal.claims.origin, endsAt: principal.endsAt, delegated: delegatedTo(principal) };
    case 'api_key':
      return { origin: principal.keyId, endsAt: principal.endsAt, delegated: delegatedTo(principal) };
    default:
      return null;
  }
}

function delegatedTo({ did: owner, namespace, delegation }: HeldPrincipal): Delegated | null {
  return delegation === null ? null : { owner, namespace, chain: delegation.chain };
}

export interface CredentialStatusesComponents {
  readonly sessions: Sessions;
  readonly apiKeys: ApiKeys;
  readonly clock: Clock;
  readonly node: Pick<MaillonNode, 'checkChain'>;
}

/** Asks the state, never what is remembered of it. */
export class CredentialStatuses {
  readonly #components: CredentialStatusesComponents;

  constructor(components: CredentialStatusesComponents) {
    this.#components = components;
  }

  /** Whether its own time is over. */
  isOver({ endsAt }: CredentialStatus): boolean {
    return endsAt !== undefined && endsAt <= this.#components.clock.now();
  }

  /** Whether nodes take no more what its wallet delegated: it was revoked, or the namespace went to another holder. */
  async isWithdrawn({ delegated }: CredentialStatus): Promise<boolean> {
    if (delegated === null) return false;
    const { chain, owner, namespace } = delegated;
    try {
      await this.#components.node.checkChain(chain, { owner, namespace, action: 'read', resource: '' });
      return false;
    } catch (error) {
      return error instanceof CodedError && error.code === 'forbidden';
    }
  }

  /** Whether whoever got a credential may act with it still; while nobody can tell, that it was good a moment ago counts. */
  async stands(principal: Principal): Promise<boolean> {
    const standing = standingOf(principal);
    if (standing === null) return true;
    if (this.isOver(standing)) return false;
    try {
      return (await this.ended([standing.origin])).size === 0;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'state_unavailable') return true;
      throw error;
    }
  }

  /** Those of `origins` that are neither a session nor an API key that is good. Rejects with `state_unavailable`. */
  async ended(origins: Iterable<string>): Promise<Set<string>> {
    const { sessions, apiKeys } = this.#components;
    const ended = new Set(origins);
    const all = [...ended];
    for (let at = 0; at < all.length; at += STANDING_BATCH) {
      const some = all.slice(at, at + STANDING_BATCH);
      for (const id of await sessions.standing(some)) ended.delete(id);
      const left = some.filter((id) => ended.has(id));
      if (left.length === 0) continue;
      for (const id of await apiKeys.standing(left)) ended.delete(id);
    }
    return ended;
  }
}
