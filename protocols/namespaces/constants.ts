import { CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../common/chain.ts';
import { CLOCK_SKEW_MS } from '../common/clock.ts';
import { DID_MAX_LENGTH } from '../common/did.ts';
import { ED25519_MULTIKEY_BYTES } from '../common/did-key.ts';
import { EXT_MAX_BYTES } from '../common/fields.ts';
import { type Limit, limitsIn } from '../common/limits.ts';
import { NAMESPACE_MAX_BYTES, TOPIC_MAX_BYTES } from '../common/names.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

export { CLOCK_SKEW_MS };

/** Gossip topic of notices, and stream protocol by which nodes ask each other for them. */
export const NAMESPACES_PROTOCOL = '/maillon/namespaces/1';

const KIB = 1024;
const MIB = 1024 * KIB;

/** First item of every notice. */
export const NOTICE_VERSION = 1;
/** Domains of the signatures: no other object's signature is one of these. */
export const POLICY_DOMAIN = 'maillon/policy/1';
export const REVOCATION_DOMAIN = 'maillon/revocation/1';
export const SPONSORSHIP_DOMAIN = 'maillon/sponsorship/1';
/** Items without the signature: by their number the kinds are told apart. */
export const POLICY_BODY_ITEMS = 12;
export const REVOCATION_BODY_ITEMS = 7;
export const SPONSORSHIP_BODY_ITEMS = 10;
export const POLICY_MAX_BYTES = limit(
  'namespaces.policyBytes',
  48 * KIB,
  'bytes',
  'the largest policy: every field at its largest. Usual ones are some 400 bytes',
);
export const REVOCATION_MAX_BYTES = limit(
  'namespaces.revocationBytes',
  6 * KIB,
  'bytes',
  'the largest revocation: a full chain, and a little',
);
export const SPONSORSHIP_MAX_BYTES = limit(
  'namespaces.sponsorshipBytes',
  10 * KIB,
  'bytes',
  'the largest sponsorship: two full chains, and a little. A wallet’s, accepted by a node, is some 1 200 bytes',
);
/** The largest notice. */
export const NOTICE_MAX_BYTES = POLICY_MAX_BYTES;

export const AUTHOR_BYTES = ED25519_MULTIKEY_BYTES;
export const DIGEST_BYTES = 32;
export const RULE_DIDS_MAX = limit(
  'namespaces.ruleDids',
  32,
  'count',
  'DIDs that one rule names: more is a group, which is delegated to by its own key',
);
/** Prefixes of public topics. */
export const PUBLIC_TOPICS_MAX = limit(
  'namespaces.publicTopics',
  64,
  'count',
  'prefixes of topics that anybody reads',
);
/** Sites on which a sign-in may have been made. */
export const DOMAINS_MAX = 32;
/** A host name of 253 characters fits, or a shorter one and a port. */
export const DOMAIN_MAX_LENGTH = 255;

const RULES = 3;
/** The list of rules itself, what stands in it, and two items in each of the three. */
const RULES_ITEMS_MAX = 10 + RULES * (2 + RULE_DIDS_MAX) + PUBLIC_TOPICS_MAX + DOMAINS_MAX;
/** Items of CBOR in a notice, all lists and maps within counted: `ext` holds at most one a byte. */
export const NOTICE_ITEMS_MAX = POLICY_BODY_ITEMS + 2 + RULES_ITEMS_MAX + CHAIN_MAX_LINKS + EXT_MAX_BYTES;

export const NOTICES_MAX = limit(
  'namespaces.notices',
  100_000,
  'count',
  'policies and revocations that a node keeps: at the bound it refuses new ones, since it may not forget an old one',
);
export const NOTICES_MAX_BYTES = limit(
  'namespaces.noticesBytes',
  64 * MIB,
  'bytes',
  'the same; an old one is never dropped',
);
/** Share of both limits for parties that the node's operator does not sponsor: keys are free, so anybody can be many. */
export const UNSPONSORED_SHARE = 3 / 4;
/** Bytes a notice counts besides its own: its row and its index entry. */
export const NOTICE_OVERHEAD_BYTES = 256;
export const PRINCIPAL_MAX_BYTES = limit(
  'namespaces.principalBytes',
  4 * MIB,
  'bytes',
  'bytes of one owner’s policies and revocations: sixteen of them fill a node, not one',
);
export const REVOCATIONS_MAX = limit(
  'namespaces.revocations',
  1000,
  'count',
  'revocations in one name: a node checks each chain against them',
);
export const POLICIES_MAX = limit(
  'namespaces.policies',
  1000,
  'count',
  'policies of one namespace: a newcomer verifies all of them',
);
/**
 * Sponsorships a node keeps at most, and their bytes: room apart from that of policies and revocations, since holders and operators
 * are as many as somebody makes keys. `UNSPONSORED_SHARE` divides it, too.
 */
export const SPONSORSHIPS_MAX = limit('namespaces.sponsorships', 50_000, 'count', 'that a node keeps');
export const SPONSORSHIPS_MAX_BYTES = limit(
  'namespaces.sponsorshipsBytes',
  64 * MIB,
  'bytes',
  'the same, apart from other notices',
);
export const OPERATOR_SPONSORSHIPS_MAX = limit(
  'namespaces.operatorSponsorships',
  10_000,
  'count',
  'sponsorships of one operator: five of them fill a node, not one',
);
export const HOLDER_SPONSORSHIPS_MAX = limit(
  'namespaces.holderSponsorships',
  32,
  'count',
  'sponsorships of one holder by one operator, for so many namespaces: one wallet does not use up its operator’s',
);
/**
 * Sponsorships of one operator that replace others, each second over longer times, and at once: nothing else bounds them, since what
 * is replaced gives its room back.
 */
export const REPLACED_PER_SECOND = 1;
export const REPLACED_BURST = 256;

/** Version of the frames of the stream protocol, the first item of each. */
export const FRAME_VERSION = 1;
/** Names one process' order of arrival: positions mean nothing beside it. */
export const LOG_ID_BYTES = 16;
/** The first bytes of a digest: nobody finds a second notice that begins like somebody else's. */
export const NOTICE_ID_BYTES = 16;
/** Ids of one answer: 64 KiB. */
export const IDS_MAX = 4096;
/** Notices asked for at a time. */
export const FETCH_MAX = 256;
/** A question: that for notices is the largest. */
export const QUESTION_MAX_BYTES = FETCH_MAX * NOTICE_ID_BYTES + 64;
/** An answer: some six hundred usual notices; js-libp2p streams have no safe back-pressure beyond a frame. */
export const ANSWER_MAX_BYTES = 256 * KIB;
/** How long one question, from opening the stream to the answer's last byte, may take. */
export const QUESTION_TIMEOUT_MS = 10_000;
/** Questions in one exchange: a full node's ids and notices take some eleven hundred. A liar has no more. */
export const EXCHANGE_QUESTIONS_MAX = 1280;
/** Namespaces whose whole history is asked for in one exchange. */
export const EXCHANGE_HISTORIES_MAX = 64;
/** Questions one peer may ask each second, over longer times. */
export const QUESTIONS_PER_SECOND = 10;
/** The same at once: a usual swarm's notices whole. */
export const QUESTIONS_BURST = 200;
/** Questions answered each second to all peers together: each may be a quarter of a megabyte read from disk. */
export const QUESTIONS_TOTAL_PER_SECOND = 100;
export const QUESTIONS_TOTAL_BURST = 500;

/** Notices pushed by one peer that are looked at each second: beyond that they come by asking. */
export const PUSHED_PER_SECOND = 200;
export const PUSHED_BURST = 4000;
/** Pushed notices verified each second, signature and chain: a chain may have wallet signatures, a millisecond each. */
export const VERIFIED_PER_SECOND = 20;
export const VERIFIED_BURST = 1000;
/** Notices that may wait for verification: some 100 ms of work. */
export const VERIFY_QUEUE_MAX = 512;
export const VERIFY_QUEUE_MAX_PER_PEER = 128;

/** For the info document. */
export const NAMESPACES_LIMITS: readonly Limit[] = published;

/** Relations between the limits, asserted where they are defined so that a change cannot break them. */
function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`namespaces limits: ${relation}`);
}
const HEAD_BYTES = 3;
const AUTHORITY_MAX_BYTES =
  DID_MAX_LENGTH + CHAIN_MAX_BYTES + CHAIN_MAX_LINKS * HEAD_BYTES + AUTHOR_BYTES + EXT_MAX_BYTES + 256;
const RULES_MAX_BYTES =
  RULES * RULE_DIDS_MAX * (DID_MAX_LENGTH + HEAD_BYTES) +
  PUBLIC_TOPICS_MAX * (TOPIC_MAX_BYTES + HEAD_BYTES) +
  DOMAINS_MAX * (DOMAIN_MAX_LENGTH + HEAD_BYTES);
assertRelation(
  POLICY_MAX_BYTES >= AUTHORITY_MAX_BYTES + RULES_MAX_BYTES + 2 * DID_MAX_LENGTH + NAMESPACE_MAX_BYTES,
  'every field of a policy at its largest fits',
);
assertRelation(
  REVOCATION_MAX_BYTES >= AUTHORITY_MAX_BYTES + DID_MAX_LENGTH,
  'every field of a revocation at its largest fits',
);
assertRelation(
  SPONSORSHIP_MAX_BYTES >=
    AUTHORITY_MAX_BYTES +
      CHAIN_MAX_BYTES +
      CHAIN_MAX_LINKS * HEAD_BYTES +
      2 * DID_MAX_LENGTH +
      NAMESPACE_MAX_BYTES,
  'every field of a sponsorship at its largest fits',
);
assertRelation(POLICY_MAX_BYTES >= SPONSORSHIP_MAX_BYTES, 'the largest notice is a policy');
assertRelation(
  OPERATOR_SPONSORSHIPS_MAX <= SPONSORSHIPS_MAX / 4,
  'one operator fills no node, whoever it is',
);
assertRelation(ANSWER_MAX_BYTES >= NOTICE_MAX_BYTES + KIB, 'the largest notice fits an answer');
assertRelation(ANSWER_MAX_BYTES >= IDS_MAX * NOTICE_ID_BYTES + KIB, 'a full page of ids fits an answer');
assertRelation(
  EXCHANGE_QUESTIONS_MAX >=
    (NOTICES_MAX + SPONSORSHIPS_MAX) / IDS_MAX +
      (NOTICES_MAX + SPONSORSHIPS_MAX) / FETCH_MAX +
      (NOTICES_MAX_BYTES + SPONSORSHIPS_MAX_BYTES) / ANSWER_MAX_BYTES,
  'all that a full node has comes in one exchange',
);
assertRelation(VERIFIED_BURST <= PUSHED_BURST, 'what is verified was looked at');
