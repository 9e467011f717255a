import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../common/chain.ts';
import { EXT_MAX_BYTES } from '../common/fields.ts';
import { type Limit, limitsIn } from '../common/limits.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

/** First item of every delegation. */
export const DELEGATION_VERSION = 1;
/** Domain of the signature: no other object's signature is one of a delegation. */
export const DELEGATION_DOMAIN = 'maillon/delegation/1';
/** Items of a delegation without its signature. */
export const DELEGATION_BODY_ITEMS = 9;
/** Two delegations of the same grant are two: one is revoked without the other. */
export const DELEGATION_NONCE_BYTES = 16;

export const RESOURCES_MAX = limit(
  'identity.resources',
  8,
  'count',
  'resources of one link: a few namespaces, or a few prefixes of one',
);
export const RESOURCE_MAX_LENGTH = limit(
  'identity.resourceBytes',
  1024,
  'bytes',
  'characters of a resource: the longest names and a prefix of some hundred bytes',
);

/** CBOR items of a link: a delegation whose `ext` is 512 bytes of one-byte items has the most. */
export const LINK_ITEMS_MAX = EXT_MAX_BYTES + DELEGATION_BODY_ITEMS + RESOURCES_MAX + 7;

/** Version of the sign-in message. */
export const SIGN_IN_VERSION = '1';
/** Characters of a sign-in message: what fits into a link, and its field names. */
export const SIGN_IN_MAX_LENGTH = CHAIN_LINK_MAX_BYTES + 512;
/** Characters of a domain: a DNS name and a port. */
export const DOMAIN_MAX_LENGTH = 260;
/** A sentence for the user. */
export const STATEMENT_MAX_LENGTH = limit(
  'identity.statementBytes',
  512,
  'bytes',
  'a sentence in a sign-in message',
);
/** EIP-4361: at least 8. */
export const NONCE_MIN_LENGTH = 8;
export const NONCE_MAX_LENGTH = 64;
export const REQUEST_ID_MAX_LENGTH = 128;

/** r‖s‖v of a key's account on an EVM chain; a contract's signature has another length. */
export const EIP191_SIGNATURE_BYTES = 65;
export const ED25519_SIGNATURE_BYTES = 64;
/** The witness of P2WPKH: two items, a DER signature of at most 73 bytes and a key of 33. P2TR’s is shorter. */
export const WITNESS_MAX_BYTES = 128;

/** Chains that are verified at a time: some 20 ms of work on one core. */
export const VERIFYING_MAX = 1024;
/** The same of one peer, so that one peer cannot take all. */
export const VERIFYING_MAX_PER_PEER = 256;
/** Chains whose signatures are remembered as good: each is up to 16 kB in memory, a usual one 2. */
export const CACHED_CHAINS_MAX = 4096;

/** EVM addresses whose EIP-55 capitals are remembered: some 200 bytes each. When there are so many, all are forgotten. */
export const CHECKSUMS_MAX = 1024;

limit('identity.chainLinks', CHAIN_MAX_LINKS, 'count', 'every link is a signature to verify');
limit('identity.chainBytes', CHAIN_MAX_BYTES, 'bytes', 'a chain goes with every object it stands behind');
limit('identity.linkBytes', CHAIN_LINK_MAX_BYTES, 'bytes', 'a sign-in message with several resources');

/** For the info document. */
export const IDENTITY_LIMITS: readonly Limit[] = published;

/** Relations between the limits, asserted where they are defined so that a change cannot break them. */
function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`identity limits: ${relation}`);
}
assertRelation(CHAIN_MAX_BYTES >= 2 * CHAIN_LINK_MAX_BYTES, 'two links at their largest fit');
assertRelation(
  CHAIN_MAX_LINKS * CHAIN_LINK_MAX_BYTES >= CHAIN_MAX_BYTES,
  'the bound of the chain is reached',
);
assertRelation(CHAIN_LINK_MAX_BYTES >= RESOURCE_MAX_LENGTH + EXT_MAX_BYTES + 384, 'a long resource fits');
assertRelation(VERIFYING_MAX >= 2 * VERIFYING_MAX_PER_PEER, 'one peer leaves room for others');
