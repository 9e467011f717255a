import { hash } from 'node:crypto';
import { type GossipsubOpts, StrictNoSign } from '@libp2p/gossipsub';
import { bytesKey } from '../../protocols/common/bytes.ts';
import { NAMESPACES_PROTOCOL } from '../../protocols/namespaces/index.ts';
import { NODES_PROTOCOL } from '../../protocols/nodes/index.ts';
import { gossipTopics } from '../../protocols/relay/index.ts';
import type { Config } from '../config/schema.ts';

export interface GossipInit {
  readonly config: Config;
  /** Called for every copy of an envelope that a peer sent. */
  readonly onCopy: () => void;
  /** The relay's addition to a peer's score. */
  readonly scoreOf: (peer: string) => number;
}

/** Topics besides the relay's: their copies are not counted. */
const OTHER_TOPICS: ReadonlySet<string> = new Set([NODES_PROTOCOL, NAMESPACES_PROTOCOL]);
/** The relay's shards, and the directory and the notices of namespaces behind them. */
const TOPICS = [...gossipTopics(), ...OTHER_TOPICS];

const SECOND_MS = 1000;
const KIB = 1024;
const MIB = 1024 * KIB;

/** The largest gossip frame: the same at every node, or two of them would not understand each other. */
const FRAME_MAX_BYTES = 3 * MIB;

/**
 * Gossip signs and verifies nothing: the envelope is signed once and verified once. Ids are over the whole
 * envelope, signature included, and its shard, so that nothing but a true copy ever stands for the true one.
 */
export function gossipOptions({ config, onCopy, scoreOf }: GossipInit): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: (message) => Buffer.from(gossipId(message.topic, message.data), 'latin1'),
    fastMsgIdFn: (message) => {
      if (!OTHER_TOPICS.has(message.topic)) onCopy();
      return gossipId(message.topic, message.data ?? new Uint8Array());
    },
    msgIdToStrFn: bytesKey,
    allowedTopics: TOPICS,
    canRelayMessage: false,
    emitSelf: false,
    fallbackToFloodsub: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    ...gossipMesh(config),
    ...gossipBounds(config),
    ...gossipScoring(config, scoreOf),
  };
}

function gossipMesh(config: Config): Partial<GossipsubOpts> {
  const degree = config['gossip.degree'];
  return {
    D: degree,
    Dlo: config['gossip.degreeLow'],
    Dhi: config['gossip.degreeHigh'],
    // of a mesh that is pruned, two thirds stay by score, the others by chance: no one buys the whole mesh
    Dscore: Math.max(1, Math.floor((degree * 2) / 3)),
    // connections dialled by this node, which an attacker cannot choose
    Dout: Math.max(0, Math.min(2, config['gossip.degreeLow'] - 1, Math.floor(degree / 2))),
    Dlazy: degree,
    gossipFactor: 0.25,
    heartbeatInterval: SECOND_MS,
    // a copy lost with a peer is heard of for three heartbeats and can be asked for during six
    mcacheLength: 6,
    mcacheGossip: 3,
    gossipsubIWantFollowupMs: 3 * SECOND_MS,
    fanoutTTL: 60 * SECOND_MS,
    // longer than an envelope can be accepted; the relay's own window goes further
    seenTTL: 120 * SECOND_MS,
    // who is not in the mesh hears of an envelope by IHAVE; flooding it would cost a copy for every peer
    floodPublish: false,
    batchPublish: true,
    // peer exchange hands out strangers' addresses; the DHT finds peers here
    doPX: false,
    tagMeshPeers: true,
    // small envelopes cost less than the notice that they are not wanted
    idontwantMinDataSize: 2 * KIB,
    idontwantMaxMessages: 512,
  };
}

function gossipBounds(config: Config): Partial<GossipsubOpts> {
  return {
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
    maxOutboundBufferSize: config['gossip.outboundBufferBytes'],
    // an answer to IWANT has 1 MiB of envelopes at most, and may share its frame with a full one and with ids
    maxInboundDataLength: FRAME_MAX_BYTES,
    maxTopicBytesPerPeer: 64 * KIB,
    decodeRpcLimits: {
      maxSubscriptions: 64,
      maxMessages: 5000,
      maxIhaveMessageIDs: 5000,
      maxIwantMessageIDs: 5000,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 64,
      maxPeerInfos: 16,
    },
  };
}

/** Weights such that three proven faults graylist a peer for minutes and no honest behaviour costs anything. */
function gossipScoring(config: Config, scoreOf: GossipInit['scoreOf']): Partial<GossipsubOpts> {
  const perTopic = {
    topicWeight: 1,
    timeInMeshWeight: 0.01,
    timeInMeshQuantum: SECOND_MS,
    timeInMeshCap: 300,
    firstMessageDeliveriesWeight: 0.05,
    firstMessageDeliveriesDecay: 0.95,
    firstMessageDeliveriesCap: 100,
    // topics are quiet or busy as they like: a quiet mesh peer is no bad one
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
    // squared: one fault costs 20, three 180, and half is forgotten after six minutes
    invalidMessageDeliveriesWeight: -20,
    invalidMessageDeliveriesDecay: 0.998,
  };
  return {
    scoreParams: {
      topics: Object.fromEntries(TOPICS.map((topic) => [topic, perTopic])) as never,
      topicScoreCap: 20,
      appSpecificScore: scoreOf,
      appSpecificWeight: 1,
      IPColocationFactorWeight: -10,
      IPColocationFactorThreshold: config['gossip.sameAddressMax'],
      // every peer of a swarm on one machine comes from here
      IPColocationFactorWhitelist: new Set(['127.0.0.1', '::1']),
      behaviourPenaltyWeight: -10,
      behaviourPenaltyThreshold: 6,
      behaviourPenaltyDecay: 0.9,
      decayInterval: SECOND_MS,
      decayToZero: 0.01,
      // gossip forgets a peer that reconnects whatever this says; the relay remembers its faults
      retainScore: 3600 * SECOND_MS,
    },
    scoreThresholds: SCORE_THRESHOLDS,
  };
}

/** Below `graylistThreshold` this node ignores a peer. */
export const SCORE_THRESHOLDS = {
  gossipThreshold: -40,
  publishThreshold: -80,
  graylistThreshold: -160,
  acceptPXThreshold: 1000,
  opportunisticGraftThreshold: 1,
};

/** 20 bytes of SHA-256: ids travel in every IHAVE, and nobody finds two envelopes with one id. */
const GOSSIP_ID_BYTES = 20;

/** The byte that tells the same envelope on two shards apart. */
const SHARD_BYTES = new Map(TOPICS.map((topic, index) => [topic, String.fromCharCode(index)]));

/** The gossip id of an envelope's bytes on a topic, as a string of one character per byte. */
function gossipId(topic: string, data: Uint8Array): string {
  return hash('sha256', data, 'binary').slice(0, GOSSIP_ID_BYTES) + (SHARD_BYTES.get(topic) ?? '');
}
