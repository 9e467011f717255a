import { randomBytes } from 'node:crypto';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto, WalletCrypto } from '../../protocols/common/crypto.ts';
import { custodyGroup } from '../../protocols/common/custody.ts';
import { encodeMultikey } from '../../protocols/common/did-key.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import {
  ALL_NAMESPACES,
  ChainVerifier,
  checkChain,
  Delegator,
  decodeLink,
  ed25519DelegationSigner,
  IdentityError,
  type IdentityMetrics,
  type VerifiedChain,
} from '../../protocols/identity/index.ts';
import { NamespacesError, type NoticeAct, type SignedSponsorship } from '../../protocols/namespaces/index.ts';
import { NodesError, type SignedAnnouncement } from '../../protocols/nodes/index.ts';
import { type Authorise, RelayError } from '../../protocols/relay/index.ts';
import { type AuthoriseRecord, type RecordBody, StorageError } from '../../protocols/storage/index.ts';
import type { Namespaces } from '../namespaces/interface.ts';
import type { Authority } from './authority.ts';
import { Credentials } from './credentials.ts';
import { Extender } from './extender.ts';
import type { Identity } from './identity.ts';
import type { Operator } from './operator.ts';
import type { SponsorRegistry } from './sponsors.ts';

/** Any namespace of the owner will do. */
const DEFAULT = 'default';
const WALLET_DID = 'did:pkh:';
/** Chains remembered as good, at some 2 KiB each. */
const CHAINS_MAX = 8192;

export interface TenancyComponents {
  readonly crypto: Crypto;
  readonly wallets: WalletCrypto;
  readonly clock: Clock;
  readonly metrics: IdentityMetrics;
}

/** Verifies chains for one swarm. */
export function createVerifier(components: TenancyComponents, swarm: string): ChainVerifier {
  return new ChainVerifier(components, { swarm, cacheMax: CHAINS_MAX });
}

/** Whether the author of a notice may speak in the name of its `as`. Rejects with `NamespacesError` where not. */
export function noticeVerifier(
  verifier: ChainVerifier,
  init: { readonly swarm: string; readonly isRevoked: (chain: VerifiedChain, holder: string) => boolean },
): (act: NoticeAct) => Promise<void> {
  return async (act) => {
    const { as, owner, namespace, action, time, isEndorsed } = act;
    try {
      const verified = await verifyEnd(verifier, act);
      if (verified.root !== as)
        throw new IdentityError('chain_broken', 'chain does not begin with whom it is for');
      // a key that may write may delete everything: keeping copies adds no power
      const actions = action === 'sponsor' ? ([action, 'write'] as const) : [action];
      checkEither(
        actions.map((one) => ({ owner, namespace, action: one, resource: '', time })),
        (asked) => checkChain(verified, asked, init.swarm),
      );
      // a revocation or an acceptance stands when its author is revoked later, in whatever order a node hears of the two
      const stands = action === 'admin' && namespace === ALL_NAMESPACES;
      if (!stands && !isEndorsed && init.isRevoked(verified, as)) {
        throw new NamespacesError('notice_unauthorised', 'a link of the chain was revoked');
      }
    } catch (error) {
      throw error instanceof IdentityError ? noticeError(error) : error;
    }
  };
}

/** Throws what `check` throws of the first where it throws of all. */
function checkEither<T>([first, ...others]: readonly T[], check: (one: T) => void): void {
  if (first === undefined) return;
  try {
    check(first);
  } catch (error) {
    if (!others.some((one) => holds(() => check(one)))) throw error;
  }
}

function holds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

async function verifyEnd(
  verifier: ChainVerifier,
  { chain, author, orAt }: Pick<NoticeAct, 'chain' | 'author' | 'orAt'>,
): Promise<VerifiedChain> {
  try {
    return await verifier.verify(chain, author);
  } catch (error) {
    const endsElsewhere = error instanceof IdentityError && error.code === 'chain_broken';
    if (!endsElsewhere || orAt === undefined) throw error;
    return verifier.verify(chain, orAt);
  }
}

/** Whether the links by which a holder named an operator count now; that they hold was verified when the sponsorship was taken. */
export function namingCheck(
  {
    crypto,
    isRevoked,
  }: {
    readonly crypto: Pick<Crypto, 'sha256'>;
    readonly isRevoked: (chain: VerifiedChain, holder: string) => boolean;
  },
  { swarm }: { readonly swarm: string },
): (sponsorship: SignedSponsorship, domains: readonly string[]) => boolean {
  return ({ holder, as, naming }, domains) => {
    const links = naming.map((link) => decodeLink(link, crypto, swarm).link);
    const domain = links[0]?.domain ?? null;
    const isElsewhere = domain !== null && domains.length > 0 && !domains.includes(domain);
    return !isElsewhere && !isRevoked({ root: holder, audience: as, links }, holder);
  };
}

/**
 * Whether a node belongs to the operator that it announces. The end of a delegation does not end that, only its revocation: what a
 * node keeps for its operator must not be lost since nobody renewed a delegation. Rejects with `NodesError` where not.
 */
export function operatorVerifier(
  verifier: ChainVerifier,
  { swarm }: { readonly swarm: string },
): (announcement: SignedAnnouncement, peer: string) => Promise<void> {
  return async ({ operator, chain, author, time }, peer) => {
    if (operator === '') return;
    try {
      const verified = await verifier.verify(chain, author, peer);
      if (verified.root !== operator)
        throw new IdentityError('chain_broken', 'chain does not begin with the operator');
      const asked = { owner: operator, namespace: ALL_NAMESPACES, action: 'sponsor', resource: '' } as const;
      const ends = verified.links.flatMap(({ expiry }) => (expiry === null ? [] : [expiry - 1]));
      checkChain(verified, { ...asked, time: Math.min(time, ...ends) }, swarm);
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      if (error.code === 'overloaded') throw new NodesError('overloaded', error.message, error.isExcusable);
      throw new NodesError('announcement_operator', error.message);
    }
  };
}

function noticeError({ code, fault, message, isExcusable }: IdentityError): NamespacesError {
  if (code === 'overloaded') return new NamespacesError('overloaded', message, isExcusable);
  return new NamespacesError(fault === 'sender' ? 'notice_chain' : 'notice_version', message);
}

/** The relay's question to the authority. */
export function envelopeAuthoriser(authority: Authority): Authorise {
  return ({ owner, namespace, topic, author, chain, time }, peer) => {
    const subject = { owner, namespace, author, chain, time, action: 'publish', resource: topic } as const;
    return settled(() => authority.authorise(subject, { isNew: true, peer }), refuseEnvelope);
  };
}

/** Storage's question to the authority. */
export function recordAuthoriser(authority: Authority): AuthoriseRecord {
  return ({ owner, namespace, key, author, chain, time }, isNew, peer) => {
    const subject = { owner, namespace, author, chain, time, action: 'write', resource: key } as const;
    return settled(() => authority.authorise(subject, { isNew, peer }), refuseRecord);
  };
}

/**
 * Whether the author of a record could sign it now. If it could not, since its chain has ended or was revoked or the policy is
 * another one now, nobody knows when it was made: only the record's own time is left.
 */
export function recordCurrency(authority: Authority, clock: Clock): (record: RecordBody) => Promise<boolean> {
  return async ({ owner, namespace, key, author, chain }) => {
    const subject = {
      owner,
      namespace,
      author,
      chain,
      action: 'write',
      resource: key,
      time: clock.now(),
    } as const;
    try {
      await authority.authorise(subject, { isNew: true });
      return true;
    } catch (error) {
      faultOf(error);
      return false;
    }
  };
}

/** Credentials of this node from its operator. */
export async function ownCredentials(
  components: Pick<TenancyComponents, 'crypto' | 'clock'> & { readonly authority: Authority },
  init: { readonly identity: Identity; readonly operator: Operator; readonly swarm: string },
): Promise<Credentials> {
  const { identity, operator, swarm } = init;
  const { did, signer, chain } = operator;
  const delegator =
    signer === null
      ? null
      : new Delegator({ ...components, signer: ed25519DelegationSigner(signer), randomBytes }, { swarm });
  const extender = new Extender(
    { ...components, delegator },
    { swarm, author: identity.author, operator: did },
  );
  const author = encodeMultikey(identity.signer.publicKey);
  const credentials = new Credentials({ ...components, extender, chain }, { author });
  // verified before anything is published with it: a burst at the start would all wait for that
  await credentials
    .chainFor({ owner: did, namespace: DEFAULT, action: 'write', resource: '' })
    .catch((error: unknown) => {
      // this node's key was revoked, or the namespace is another's now: it is said to whoever wants to write
      if (!(error instanceof CodedError && error.code === 'forbidden')) throw error;
    });
  return credentials;
}

/** A namespace by its genesis. */
interface Place {
  readonly owner: string;
  readonly namespace: string;
}

export interface Terms {
  /** Whether what is written to it is kept until it expires or is deleted. */
  readonly isSponsored: boolean;
  /** Limit in its policy; null for no limit. */
  readonly quotaBytes: number | null;
  readonly quotaKeys: number | null;
  /** The wallet whose share of the promised bytes it counts for; null for no wallet, as for owners that the list names. */
  readonly wallet: string | null;
}

export interface SponsorList {
  /** DID of this node's owner, who is always on it. */
  readonly owner: string;
  /** `did`, `name@did`, or `*` for all. */
  readonly sponsored: readonly string[];
}

/**
 * For a namespace of a wallet, or one that the operator holds for it: a text that all of that wallet's namespaces share, per
 * kind.
 */
export function walletOf({ owner, namespace }: Place, operator: string): string | null {
  if (owner.startsWith(WALLET_DID)) return owner;
  return owner === operator ? custodyGroup(namespace) : null;
}

/** Whether this node sponsors somebody, all of whose namespaces or one of them. */
export function sponsorOf({
  owner,
  sponsored,
}: Pick<SponsorList, 'owner' | 'sponsored'>): (did: string) => boolean {
  const owners = new Set([owner, ...sponsored.map((entry) => entry.slice(entry.indexOf('@') + 1))]);
  return (did) => owners.has(did) || owners.has(ALL_NAMESPACES);
}

export interface TermsComponents {
  readonly namespaces: Pick<Namespaces, 'policyOf'>;
  readonly sponsors: Pick<SponsorRegistry, 'of'>;
}

/**
 * Terms of a namespace on this node. Sponsored are those of the list, those that named its operator, which accepted, and those
 * without an owner where they are taken. The promise to wallets bounds what they get, except for those on the list.
 */
export function termsOf(
  { namespaces, sponsors }: TermsComponents,
  { owner: own, sponsored }: SponsorList,
): (place: Place) => Terms {
  const list = new Set([own, '', ...sponsored]);
  return (place) => {
    const { owner, namespace } = place;
    const rules = namespaces.policyOf(owner, namespace)?.rules;
    const isChosen = list.has(owner) || list.has(`${namespace}@${owner}`);
    // what the operator holds for a wallet is the operator's own; what a wallet holds may be on the list
    const wallet = isChosen && owner !== own ? null : walletOf(place, own);
    return {
      isSponsored:
        isChosen ||
        list.has(ALL_NAMESPACES) ||
        sponsors.of({ owner, namespace }).some((operators) => operators.has(own)),
      wallet,
      quotaBytes: rules?.quotaBytes ?? null,
      quotaKeys: rules?.quotaKeys ?? null,
    };
  };
}

/** Whether the policy of a namespace lets anyone read it. */
export function opennessOf(namespaces: Pick<Namespaces, 'policyOf'>): (place: Place) => boolean {
  return ({ owner, namespace }) => namespaces.policyOf(owner, namespace)?.rules.read.anyone === true;
}

function refuseEnvelope(error: unknown): never {
  const { fault, message } = faultOf(error);
  if (fault === 'overloaded') throw new RelayError('overloaded', message, true);
  throw new RelayError(fault === 'chain' ? 'envelope_chain' : 'envelope_unauthorised', message);
}

function refuseRecord(error: unknown): never {
  const { fault, message } = faultOf(error);
  if (fault === 'overloaded') throw new StorageError('overloaded', message, true);
  throw new StorageError(fault === 'chain' ? 'record_chain' : 'record_unauthorised', message);
}

/** Maps a refusal by the authority to a protocol's fault: the chain itself, this node's knowledge, or lack of time. */
function faultOf(error: unknown): { fault: 'chain' | 'context' | 'overloaded'; message: string } {
  if (error instanceof IdentityError) {
    if (error.code === 'overloaded') return { fault: 'overloaded', message: error.message };
    return { fault: error.fault === 'sender' ? 'chain' : 'context', message: error.message };
  }
  if (error instanceof CodedError && error.code === 'forbidden')
    return { fault: 'context', message: error.message };
  throw error;
}

/** Turns what `ask` throws, or rejects with, into what `refused` throws; at once where `ask` decides at once. */
function settled(ask: () => void | Promise<void>, refused: (error: unknown) => never): void | Promise<void> {
  try {
    return ask()?.catch(refused);
  } catch (error) {
    refused(error);
  }
}
