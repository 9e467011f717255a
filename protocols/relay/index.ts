/**
 * The relay protocol: signed envelopes of messages, gossiped on sharded topics. SPEC.md has the bytes.
 *
 * The author's side is `client.ts`, the receiver's `server.ts`.
 */
export {
  type OutgoingMessage,
  type PublishedMessage,
  Publisher,
  type PublisherComponents,
  type PublisherInit,
} from './client.ts';
export {
  decodeEnvelope,
  digestKey,
  encodeBody,
  encodeEnvelope,
  envelopeCid,
  messageId,
  signingBytes,
} from './codec.ts';
export * from './constants.ts';
export { RELAY_LIMITS } from './constants.ts';
export type { Envelope, SignedEnvelope } from './envelope.ts';
export { RELAY_ERRORS, RelayError, type RelayErrorCode } from './errors.ts';
export { createRelayMetrics, type RelayMetrics } from './metrics.ts';
export { SequenceBook, type SequenceState } from './sequences.ts';
export {
  Admission,
  type AdmissionComponents,
  type AdmissionInit,
  type Authorise,
  type SeenIds,
} from './server.ts';
export { gossipTopic, gossipTopics, shardOf, type TopicPlace, TopicPlaces } from './shards.ts';
