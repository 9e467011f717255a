import { randomBytes } from 'node:crypto';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto, WalletCrypto } from '../../protocols/common/crypto.ts';
import { encodeMultikey } from '../../protocols/common/did-key.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import {
  ALL_NAMESPACES,
  ChainVerifier,
  checkChain,
  Delegator,
  ed25519DelegationSigner,
  IdentityError,
  type IdentityMetrics,
  type VerifiedChain,
} from '../../protocols/identity/index.ts';
import { NamespacesError, type NoticeAct } from '../../protocols/namespaces/index.ts';
import { type Authorise, RelayError } from '../../protocols/relay/index.ts';
import { type AuthoriseRecord, type RecordBody, StorageError } from '../../protocols/storage/index.ts';
import type { Namespaces } from '../namespaces/interface.ts';
import type { Authority } from './authority.ts';
import { Credentials } from './credentials.ts';
import { Extender } from './extender.ts';
import type { Identity } from './identity.ts';
import type { Operator } from './operator.ts';

/** Any namespace of the owner will do. */
const DEFAULT = 'default';
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
  return async ({ as, chain, author, owner, namespace, action, time, isEndorsed }) => {
    try {
      const verified = await verifier.verify(chain, author);
      if (verified.root !== as)
        throw new IdentityError('chain_broken', 'chain does not begin with whom it is for');
      checkChain(verified, { owner, namespace, action, resource: '', time }, init.swarm);
      // what an administrator withdrew stays withdrawn when it is withdrawn itself, in whatever order a node hears of the two
      const isRevocation = namespace === ALL_NAMESPACES;
      if (!isRevocation && !isEndorsed && init.isRevoked(verified, as)) {
        throw new NamespacesError('notice_unauthorised', 'a link of the chain was revoked');
      }
    } catch (error) {
      throw error instanceof IdentityError ? noticeError(error) : error;
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
 * Whether the author of a record could sign it now. Of one that could not, since its chain has ended or was revoked or the policy is
 * another one now, nobody knows when it was made: its own time is all there is.
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

/** What the operator of this node lets it do. */
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

export interface Terms {
  /** Whether what is written to it is kept until it expires or is deleted. */
  readonly isSponsored: boolean;
  /** What its policy bounds it to; null: nothing. */
  readonly quotaBytes: number | null;
  readonly quotaKeys: number | null;
}

export interface SponsorList {
  /** DID of this node's owner, who is always on it. */
  readonly owner: string;
  /** `did`, `name@did`, or `*` for all. */
  readonly sponsored: readonly string[];
}

/** Whether this node sponsors somebody, all of whose namespaces or one of them. */
export function sponsorOf({ owner, sponsored }: SponsorList): (did: string) => boolean {
  const owners = new Set([owner, ...sponsored.map((entry) => entry.slice(entry.indexOf('@') + 1))]);
  return (did) => owners.has(did) || owners.has(ALL_NAMESPACES);
}

/**
 * What a namespace gets of this node. Sponsored are those of the list, and those without an owner where they are taken at
 * all.
 */
export function termsOf(
  namespaces: Pick<Namespaces, 'policyOf'>,
  { owner: own, sponsored }: SponsorList,
): (place: { readonly owner: string; readonly namespace: string }) => Terms {
  const list = new Set([own, '', ...sponsored]);
  return ({ owner, namespace }) => {
    const rules = namespaces.policyOf(owner, namespace)?.rules;
    return {
      isSponsored: list.has(owner) || list.has(`${namespace}@${owner}`) || list.has(ALL_NAMESPACES),
      quotaBytes: rules?.quotaBytes ?? null,
      quotaKeys: rules?.quotaKeys ?? null,
    };
  };
}

/** Whether the policy of a namespace lets anyone read it. */
export function opennessOf(
  namespaces: Pick<Namespaces, 'policyOf'>,
): (place: { readonly owner: string; readonly namespace: string }) => boolean {
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

/** What the authority's refusal is to a protocol: what the chain lacks by itself, what this node knows, or that it has no time. */
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
