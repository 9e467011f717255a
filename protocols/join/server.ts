import { bytesKey } from '../common/bytes.ts';
import type { Clock } from '../common/clock.ts';
import type { Crypto } from '../common/crypto.ts';
import { RateLimit } from '../common/rate-limit.ts';
import { decodeRequest, encodeAnswer, hashSecret } from './codec.ts';
import {
  type MemberRole,
  PEERS_MAX,
  REQUESTS_BURST,
  REQUESTS_PER_SECOND,
  REQUESTS_TOTAL_BURST,
  REQUESTS_TOTAL_PER_SECOND,
} from './constants.ts';
import { JoinError, type JoinRefusal } from './errors.ts';
import type { EntryPoint, JoinRequest } from './invite.ts';
import type { JoinMetrics } from './metrics.ts';

/** An invite as its issuer keeps it. */
export interface HeldInvite {
  readonly id: Uint8Array;
  /** Result of `hashSecret`, 32 bytes. */
  readonly secretHash: Uint8Array;
  readonly role: MemberRole;
  /** Milliseconds since the Unix epoch. */
  readonly expiry: number;
  readonly isRevoked: boolean;
  /** Multikey of the key that used it; null while it is open. */
  readonly usedBy: Uint8Array | null;
}

export interface JoinServerComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Clock;
  readonly metrics: JoinMetrics;
  readonly find: (id: Uint8Array) => HeldInvite | null;
  /** Binds an invite to a key and returns once that is on disk. Throws where it cannot be written. */
  readonly bind: (invite: HeldInvite, key: Uint8Array, name: string) => void;
  /** Whether the owner revoked the key. */
  readonly isRevoked: (key: Uint8Array) => boolean;
  /** Delegations from the owner to the key, made now. */
  readonly grant: (key: Uint8Array, role: MemberRole) => Promise<readonly Uint8Array[]>;
  /** The same in place of those that are given; null where they are not ones that were made for a member. */
  readonly renew: (
    key: Uint8Array,
    chain: readonly Uint8Array[],
    name: string,
  ) => Promise<readonly Uint8Array[] | null>;
  readonly entryPoints: () => readonly EntryPoint[];
}

/** Answers machines that redeem invites and members that renew their delegations. */
export class JoinServer {
  readonly #components: JoinServerComponents;
  readonly #rate: RateLimit;

  constructor(components: JoinServerComponents) {
    this.#components = components;
    this.#rate = new RateLimit(components, {
      perSecond: REQUESTS_PER_SECOND,
      burst: REQUESTS_BURST,
      debtMax: REQUESTS_BURST,
      maxKeys: PEERS_MAX,
      total: {
        perSecond: REQUESTS_TOTAL_PER_SECOND,
        burst: REQUESTS_TOTAL_BURST,
        debtMax: REQUESTS_TOTAL_BURST,
      },
    });
  }

  /**
   * The answer to a request of the peer whose key is `key` (multikey, shown by the connection's handshake). Rejects with `JoinError` for a
   * request that cannot be read.
   */
  async answer(request: Uint8Array, key: Uint8Array): Promise<Uint8Array> {
    const { metrics, entryPoints } = this.#components;
    try {
      const chain = await this.#grant(request, key);
      metrics.granted += 1;
      return encodeAnswer({ error: '', chain, entryPoints: entryPoints() });
    } catch (error) {
      if (!(error instanceof JoinError)) throw error;
      metrics.refused[error.code] += 1;
      if (error.code === 'frame_malformed' || error.code === 'frame_version') throw error;
      return encodeAnswer({ error: error.code as JoinRefusal, chain: [], entryPoints: [] });
    }
  }

  async #grant(bytes: Uint8Array, key: Uint8Array): Promise<readonly Uint8Array[]> {
    // before anything is read, so that a flood costs a map look-up each
    if (this.#rate.take(bytesKey(key)) > 0) throw refuse('rate_limited');
    const request = decodeRequest(bytes);
    if (this.#components.isRevoked(key)) throw refuse('member_revoked');
    return request.kind === 'redeem' ? this.#redeem(request, key) : this.#renew(request, key);
  }

  async #redeem(
    request: Extract<JoinRequest, { kind: 'redeem' }>,
    key: Uint8Array,
  ): Promise<readonly Uint8Array[]> {
    const { crypto, clock, find, bind, grant } = this.#components;
    const hash = hashSecret(request, crypto);
    const held = find(request.id);
    // one refusal for both: nobody learns which ids there are
    if (held === null || !isSameHash(held.secretHash, hash)) throw refuse('invite_unknown');
    if (held.isRevoked) throw refuse('invite_revoked');
    if (held.usedBy === null) {
      if (held.expiry <= clock.now()) throw refuse('invite_expired');
      try {
        bind(held, key, request.name);
      } catch {
        throw refuse('unavailable');
      }
      // the same key may try again: an answer may have been lost on its way
    } else if (bytesKey(held.usedBy) !== bytesKey(key)) throw refuse('invite_used');
    return grant(key, held.role);
  }

  async #renew(
    { chain, name }: Extract<JoinRequest, { kind: 'renew' }>,
    key: Uint8Array,
  ): Promise<readonly Uint8Array[]> {
    const renewed = await this.#components.renew(key, chain, name);
    if (renewed === null) throw refuse('chain_not_renewable');
    return renewed;
  }
}

/** In a time that does not depend on where two hashes differ. */
function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.byteLength ^ b.byteLength;
  for (let index = 0; index < b.byteLength; index += 1) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}

function refuse(code: JoinRefusal): JoinError {
  return new JoinError(code, code);
}
