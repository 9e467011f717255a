import {
  type NamespaceName,
  NOTICE_OVERHEAD_BYTES,
  type PolicyHead,
  type RevocationTarget,
  targetKey,
  UNSPONSORED_SHARE,
} from '../../protocols/namespaces/index.ts';
import type { NoticeRoom } from './notice-room.ts';
import { KIND_POLICY, KIND_SPONSORSHIP, type NoticeRow } from './rows.ts';
import { Sponsorships } from './sponsorships.ts';

export interface NoticeIndexInit {
  readonly room: NoticeRoom;
  /** Whether this node's operator vouches for a DID: a part of the room is kept for those. */
  readonly isSponsored: (did: string) => boolean;
}

/** Notices on disk, by kind. */
export interface NoticeCounts {
  readonly policies: number;
  readonly revocations: number;
  readonly sponsorships: number;
  readonly bytes: number;
}

interface Principal {
  bytes: number;
  revocations: number;
}

type IndexedRow = Pick<
  NoticeRow,
  'kind' | 'scope' | 'name' | 'sequence' | 'time' | 'subject' | 'digest' | 'bytes'
>;

/** The known notices, in memory: the holder of each namespace and its policy, all revocations, and the capacity left. */
export class NoticeIndex {
  readonly sponsorships: Sponsorships;
  readonly #init: NoticeIndexInit;
  readonly #heads = new Map<string, PolicyHead>();
  readonly #revokers = new Map<string, Set<string>>();
  /** Revocations by notices that are not on disk any more. */
  readonly #carried = new Map<string, ReadonlySet<string>>();
  readonly #principals = new Map<string, Principal>();
  /** DIDs in whose names revocations are on disk, or were. */
  readonly #revoking = new Set<string>();
  #policies = 0;
  #revocations = 0;
  #bytes = 0;
  #unsponsored = { notices: 0, bytes: 0 };

  constructor(init: NoticeIndexInit) {
    this.#init = init;
    this.sponsorships = new Sponsorships(init);
  }

  get counts(): NoticeCounts {
    const { count, bytes } = this.sponsorships;
    return {
      policies: this.#policies,
      revocations: this.#revocations,
      sponsorships: count,
      bytes: this.#bytes + bytes,
    };
  }

  headOf(name: NamespaceName): PolicyHead | undefined {
    return this.#heads.get(namespaceKey(name));
  }

  revokersOf(target: RevocationTarget): ReadonlySet<string> | undefined {
    const key = targetKey(target);
    const carried = this.#carried.get(key);
    const kept = this.#revokers.get(key);
    return carried === undefined || kept === undefined ? (kept ?? carried) : new Set([...carried, ...kept]);
  }

  /** Whether there is such a notice. */
  isRevokedBy(target: RevocationTarget, as: string): boolean {
    return this.#revokers.get(targetKey(target))?.has(as) ?? false;
  }

  /** Whether anything was revoked in this name. */
  hasRevoked(did: string): boolean {
    return this.#revoking.has(did);
  }

  add(row: IndexedRow): void {
    if (row.kind === KIND_SPONSORSHIP) return this.sponsorships.add(row);
    const bytes = row.bytes.byteLength + NOTICE_OVERHEAD_BYTES;
    const principal = this.#principals.get(row.scope) ?? { bytes: 0, revocations: 0 };
    this.#principals.set(row.scope, principal);
    principal.bytes += bytes;
    this.#bytes += bytes;
    if (!this.#init.isSponsored(row.scope)) {
      this.#unsponsored.notices += 1;
      this.#unsponsored.bytes += bytes;
    }
    if (row.kind === KIND_POLICY) this.#addPolicy(row);
    else this.#addRevocation(row, principal);
  }

  /** Takes over what was revoked: a file that is damaged does not undo it. */
  carryRevocations(of: NoticeIndex): void {
    for (const did of of.#revoking) this.#revoking.add(did);
    for (const all of [of.#carried, of.#revokers]) {
      for (const [target, revokers] of all) {
        this.#carried.set(target, new Set([...(this.#carried.get(target) ?? []), ...revokers]));
      }
    }
  }

  /** Why there is no room for a row; null where there is. */
  refusal(row: IndexedRow): string | null {
    const { kind, scope, sequence, bytes } = row;
    if (kind === KIND_SPONSORSHIP) return this.sponsorships.refusal(row);
    const { room, isSponsored } = this.#init;
    const size = bytes.byteLength + NOTICE_OVERHEAD_BYTES;
    const principal = this.#principals.get(scope) ?? { bytes: 0, revocations: 0 };
    if (kind === KIND_POLICY && sequence > room.policies) {
      return `a namespace has at most ${room.policies} policies`;
    }
    if (kind !== KIND_POLICY && principal.revocations >= room.revocations) {
      return `at most ${room.revocations} revocations are kept in one name: revoke a key instead of its links`;
    }
    if (principal.bytes + size > room.principalBytes) {
      return `the policies and revocations of one owner have at most ${room.principalBytes} bytes`;
    }
    const count = this.#policies + this.#revocations;
    const isFull = count >= room.notices || this.#bytes + size > room.bytes;
    const { notices, bytes: taken } = this.#unsponsored;
    const isShareFull =
      notices >= room.notices * UNSPONSORED_SHARE || taken + size > room.bytes * UNSPONSORED_SHARE;
    if (!isFull && (!isShareFull || isSponsored(scope))) return null;
    return 'this node has no room for more policies and revocations';
  }

  #addPolicy({ scope, name, sequence, digest, subject, time }: IndexedRow): void {
    this.#policies += 1;
    const key = namespaceKey({ owner: scope, namespace: name });
    const known = this.#heads.get(key);
    if (known !== undefined && known.sequence >= sequence) return;
    // a view would keep all that it is a view of
    this.#heads.set(key, { sequence, digest: digest.slice(), holder: subject, time });
  }

  #addRevocation({ scope, subject }: IndexedRow, principal: Principal): void {
    this.#revocations += 1;
    principal.revocations += 1;
    const revokers = this.#revokers.get(subject) ?? new Set<string>();
    revokers.add(scope);
    this.#revoking.add(scope);
    this.#revokers.set(subject, revokers);
  }
}

/** A DID has no line feed. */
export function namespaceKey({ owner, namespace }: NamespaceName): string {
  return `${owner}\n${namespace}`;
}
