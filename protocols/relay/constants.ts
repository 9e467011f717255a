import { CHAIN_MAX_BYTES } from '../common/chain.ts';
import { CLOCK_GRACE_MS, CLOCK_SKEW_MS } from '../common/clock.ts';
import { ED25519_MULTIKEY_BYTES } from '../common/did-key.ts';
import { EXT_MAX_BYTES } from '../common/fields.ts';
import { type Limit, limitsIn } from '../common/limits.ts';
import { NAMESPACE_MAX_BYTES, OWNER_MAX_BYTES, TOPIC_MAX_BYTES } from '../common/names.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

export { CLOCK_GRACE_MS, CLOCK_SKEW_MS, EXT_MAX_BYTES };

/** First item of every envelope. */
export const ENVELOPE_VERSION = 1;
/** Domain of the signature: no other object's signature is one of an envelope. */
export const ENVELOPE_DOMAIN = 'maillon/envelope/1';
/** Items of an envelope without its signature. */
export const ENVELOPE_BODY_ITEMS = 12;

/** Generation of the shard layout: topics move to other shards only when this number grows. */
export const SHARD_GENERATION = 0;
/** Gossip meshes in generation 0: ten thousand topics cost eight of them. */
export const SHARD_COUNT = 8;

export const ENVELOPE_MAX_BYTES = limit(
  'relay.envelopeBytes',
  150 * 1024,
  'bytes',
  'the largest envelope on the wire. Gossip copies it D times at each hop: 150 KiB is 1.2 Mbit to a peer',
);
export const MESSAGE_MAX_BYTES = limit(
  'relay.messageBytes',
  144 * 1024,
  'bytes',
  'the largest message: what an envelope holds beside every other field at its largest',
);
/** Maximum bytes of the fields besides the messages together. */
export const ENVELOPE_OVERHEAD_MAX_BYTES = ENVELOPE_MAX_BYTES - MESSAGE_MAX_BYTES;
export const ENVELOPE_MAX_MESSAGES = limit(
  'relay.envelopeMessages',
  1024,
  'messages',
  'messages in one envelope: 64 would fill a 10 ms linger at 6 400/s; 1 024 leaves room for a backlog',
);
export const AUTHOR_BYTES = ED25519_MULTIKEY_BYTES;

/** The time during which one envelope can be accepted somewhere: from the slowest clock to the fastest. */
export const ACCEPTANCE_WINDOW_MS = 2 * CLOCK_SKEW_MS;
/** How long an id is remembered as seen at least. */
export const DEDUP_WINDOW_MS = 10 * 60_000;

/** How long a message may wait for company in an envelope at a node with time to spare, in milliseconds. */
export const LINGER_MS = 10;
/** The same at a node that is busy to the full: fewer, fuller envelopes are what gives it time again. */
export const LINGER_BUSY_MS = 60;

/** Prefix of the gossip topics; `<generation>/<shard>` follows. */
export const GOSSIP_TOPIC_PREFIX = '/maillon/relay/1/';

limit('relay.topicBytes', TOPIC_MAX_BYTES, 'bytes', 'a topic is repeated in every envelope');
limit('relay.namespaceBytes', NAMESPACE_MAX_BYTES, 'bytes', 'a namespace is repeated in every envelope');
limit('relay.ownerBytes', OWNER_MAX_BYTES, 'bytes', 'longer than any DID that can own a namespace');
limit('relay.clockSkew', CLOCK_SKEW_MS, 'milliseconds', 'bounds how long an envelope can be replayed');
limit('relay.extBytes', EXT_MAX_BYTES, 'bytes', 'room for fields to come');

/** For the info document. */
export const RELAY_LIMITS: readonly Limit[] = published;

/** Relations between the limits, asserted where they are defined so that a change cannot break them. */
function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`relay limits: ${relation}`);
}
assertRelation(
  DEDUP_WINDOW_MS >= ACCEPTANCE_WINDOW_MS + 2 * CLOCK_SKEW_MS,
  'dedup covers acceptance and skew',
);
assertRelation(ENVELOPE_OVERHEAD_MAX_BYTES >= CHAIN_MAX_BYTES + EXT_MAX_BYTES + 1024, 'a full message fits');
