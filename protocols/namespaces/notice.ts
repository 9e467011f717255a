import { parseDid } from '../common/did.ts';
import { encodeMultikey } from '../common/did-key.ts';

/** Principals allowed an action in a namespace, besides its holder and the holder's delegates. */
export interface Rule {
  /** Everybody; the list adds nothing then. */
  readonly anyone: boolean;
  /** DIDs, with whom they delegate to. Ascending, each one once. */
  readonly dids: readonly string[];
}

/** Rules of a policy for its namespace. */
export interface PolicyRules {
  readonly publish: Rule;
  readonly write: Rule;
  /** Reading is enforced by gateways only. */
  readonly read: Rule;
  /** Topics that begin so are read by anybody at gateways; the empty text stands for all. Ascending, each one once. */
  readonly publicTopics: readonly string[];
  /** Whether its content is served to anybody who knows the CID. */
  readonly isPublic: boolean;
  /** Quota of the namespace at a node that allows as much; null: the policy sets no bound. */
  readonly quotaBytes: number | null;
  readonly quotaKeys: number | null;
  /** How long history is kept; null: as long as the node does. */
  readonly retentionMs: number | null;
  /** Sites on which a sign-in may have been made (the domain of a CACAO); none: any. Ascending, each one once. */
  readonly domains: readonly string[];
}

/** Fields of every notice about its author. */
export interface NoticeAuthority {
  /** When it was signed, milliseconds since the Unix epoch. */
  readonly time: number;
  /** DID in whose name it is made. */
  readonly as: string;
  /** Delegation links from `as` to the author; none when the author is `as` itself. */
  readonly chain: readonly Uint8Array[];
  /** Multikey of who signed, 34 bytes. */
  readonly author: Uint8Array;
  /** Signed room for extensions. */
  readonly ext: Readonly<Record<string, unknown>>;
}

/** Where a policy belongs: the namespace by its genesis. */
export interface NamespaceName {
  /** DID that the namespace's id is made of, whoever holds it by now. */
  readonly owner: string;
  readonly namespace: string;
}

/** One step of a namespace's policy: it replaces the one before wholly. */
export interface Policy extends NoticeAuthority, NamespaceName {
  /** Counts the policies of the namespace from 1. */
  readonly sequence: number;
  /** Digest of the policy before; null in the first. */
  readonly previous: Uint8Array | null;
  /** DID that holds the namespace from here on. */
  readonly holder: string;
  readonly rules: PolicyRules;
}

/** Target of a revocation: one link of a chain, or a principal regardless of its delegations. */
export type RevocationTarget = { readonly link: Uint8Array } | { readonly did: string };

/** `as` withdraws a link, or trusts a principal no more, in all that roots in `as` or passes through it. For ever. */
export interface Revocation extends NoticeAuthority {
  readonly target: RevocationTarget;
}

/** Where a sponsorship belongs: there is one at a time of a holder by an operator for a namespace. */
export interface SponsorshipPlace {
  /** DID of the genesis of the namespace, or of the namespaces. */
  readonly owner: string;
  /** A namespace of the owner, or `*` for all of them. */
  readonly namespace: string;
  /** DID that holds it and names the operator. */
  readonly holder: string;
  /** DID of the operator, did:key of Ed25519. */
  readonly as: string;
}

/**
 * The holder of a namespace names `as` as an operator whose nodes keep durable replicas, and `as` accepts: the first is shown by
 * `naming`, the second by the notice itself. Without links `as` withdraws.
 */
export interface Sponsorship extends NoticeAuthority, SponsorshipPlace {
  /** Delegation links from the holder to `as`, or to the author, which acts for `as`. */
  readonly naming: readonly Uint8Array[];
}

interface Signed {
  /** SHA-256 of the body, 32 bytes. */
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
  /** The wire form. */
  readonly bytes: Uint8Array;
}

export interface SignedPolicy extends Policy, Signed {
  readonly kind: 'policy';
}

export interface SignedRevocation extends Revocation, Signed {
  readonly kind: 'revocation';
}

export interface SignedSponsorship extends Sponsorship, Signed {
  readonly kind: 'sponsorship';
}

export type SignedNotice = SignedPolicy | SignedRevocation | SignedSponsorship;

/** Action of a notice: the chain from `as` to the author must grant it. */
export interface NoticeAct extends Pick<NoticeAuthority, 'time' | 'as' | 'chain' | 'author'> {
  readonly owner: string;
  /** `*` for a revocation and for an acceptance: its author must administer all of `as`. A naming has the sponsorship's own. */
  readonly namespace: string;
  /** `sponsor`: a naming, which ends at the operator. */
  readonly action: 'admin' | 'sponsor';
  /** A second key at which the chain may end: a naming may end at the author of the sponsorship, which acts for the operator. */
  readonly orAt?: Uint8Array;
  /** A later policy, whose author may act, names this one: what was revoked since does not undo it. */
  readonly isEndorsed: boolean;
}

/** The acts that the chains of a notice must grant: one of its author; a sponsorship's naming is a second. */
export function actsOf(notice: SignedNotice, isEndorsed = false): NoticeAct[] {
  const { time, as, chain, author } = notice;
  const place =
    notice.kind === 'policy'
      ? { owner: notice.owner, namespace: notice.namespace }
      : { owner: as, namespace: '*' };
  const act: NoticeAct = { time, as, chain, author, ...place, action: 'admin', isEndorsed };
  if (notice.kind !== 'sponsorship' || notice.naming.length === 0) return [act];
  const { owner, namespace, holder, naming } = notice;
  const named = { owner, namespace, as: holder, chain: naming, author: multikeyOf(as) };
  return [act, { time, ...named, orAt: author, action: 'sponsor', isEndorsed }];
}

/** A text for each target, and no two with the same. */
export function targetKey(target: RevocationTarget): string {
  if ('did' in target) return target.did;
  return Array.from(target.link, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A text for each place of a sponsorship, and no two with the same: neither a DID nor a name has a line feed. */
export function sponsorshipKey({ holder, owner, namespace, as }: SponsorshipPlace): string {
  return `${holder}\n${owner}\n${namespace}\n${as}`;
}

function multikeyOf(did: string): Uint8Array {
  const key = parseDid(did);
  if (key.kind !== 'key') throw new RangeError('an operator is a did:key');
  return encodeMultikey(key.publicKey);
}
