import { join } from 'node:path';
import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import type { PeerId } from '@libp2p/interface';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { checkOwnerDid } from '../../protocols/common/did.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { checkNamespace, checkTopic } from '../../protocols/common/names.ts';
import {
  Admission,
  type Authorise,
  decodeEnvelope,
  envelopeCid,
  gossipTopics,
  messageId,
  Publisher,
  RelayError,
  type RelayMetrics,
  type SequenceBook,
  type SignedEnvelope,
  TopicPlaces,
} from '../../protocols/relay/index.ts';
import type { Role } from '../config/role.ts';
import type { Config } from '../config/schema.ts';
import type { Probe } from '../core/probe.ts';
import { makeDirectory } from '../disk/make-directory.ts';
import type { Credentials } from '../identity/credentials.ts';
import type { Identity } from '../identity/identity.ts';
import { type Gossip, GRAYLISTED_SCORE } from '../network/gossip.ts';
import type { EventLog } from '../observability/events.ts';
import type { Logger } from '../observability/logger.ts';
import type { Delivery, PublishRequest, Receipt, Relay, Subscription, TopicName } from './interface.ts';
import { lingerByLoad } from './linger.ts';
import { SeenIdsFile } from './seen-ids.ts';
import { putSequences, takeSequences } from './sequences-file.ts';
import { Subscriptions } from './subscriptions.ts';
import { RelayWatch } from './watch.ts';

export interface RelayComponents {
  readonly gossip: Gossip;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly authorise: Authorise;
  /** Delegations to this node. */
  readonly credentials: Credentials;
  readonly metrics: RelayMetrics;
  readonly logger: Logger;
  readonly events: EventLog;
}

export interface RelayInit {
  readonly config: Config;
  readonly role: Role;
  /** The node's data directory. */
  readonly data: string;
}

/**
 * The relay of a node: gossip in, checked, remembered, handed to subscribers; messages out, packed, signed,
 * gossiped. Every shard is subscribed, so that no topic has to be joined before it is heard.
 */
export class RelayService implements Relay {
  readonly metrics: RelayMetrics;
  readonly #components: RelayComponents;
  readonly #role: Role;
  readonly #directory: string;
  readonly #places: TopicPlaces;
  readonly #subscriptions: Subscriptions;
  readonly #seen: SeenIdsFile;
  readonly #sequences: SequenceBook;
  readonly #admission: Admission;
  readonly #publisher: Publisher;
  readonly #watch: RelayWatch;

  /** Takes what is on disk; from here until `stop` the files are this service's. */
  constructor(components: RelayComponents, init: RelayInit) {
    const { config } = init;
    const { crypto, clock, logger, authorise, identity } = components;
    const swarm = config.swarm;
    this.#components = components;
    this.metrics = components.metrics;
    this.#role = init.role;
    this.#directory = join(init.data, 'relay');
    makeDirectory(this.#directory, { mode: 0o700 });
    this.#places = new TopicPlaces({ crypto }, { swarm });
    this.#subscriptions = new Subscriptions({ clock, places: this.#places });
    this.#seen = new SeenIdsFile(
      { clock, logger },
      { directory: this.#directory, windowMs: config['relay.dedupWindowMs'], max: config['relay.dedupMax'] },
    );
    this.#sequences = takeSequences(this.#directory, clock);
    this.#admission = new Admission(
      { crypto, clock, seen: this.#seen, places: this.#places, authorise, metrics: this.metrics },
      {
        swarm,
        queueMax: config['relay.verifyQueue'],
        queueMaxPerPeer: Math.ceil(config['relay.verifyQueue'] / 4),
        ignoredPerSecond: config['relay.ignoredPerSecond'],
        ignoredBurst: 4 * config['relay.ignoredPerSecond'],
      },
    );
    this.#publisher = new Publisher(
      {
        crypto,
        clock,
        signer: identity.signer,
        sequences: this.#sequences,
        places: this.#places,
        send: (envelope) => this.#send(envelope),
      },
      {
        swarm,
        lingerMs: lingerByLoad(config['relay.lingerMs'], config['relay.lingerBusyMs']),
        maxMessages: config['relay.packMessages'],
        queueMaxBytes: config['relay.publishQueueBytes'],
      },
    );
    this.#watch = new RelayWatch({ events: components.events, relay: this });
  }

  start(): void {
    const { gossip } = this.#components;
    for (const topic of gossipTopics()) {
      gossip.topicValidators.set(topic, (peer, message) => this.#validate(peer, message));
      gossip.subscribe(topic);
    }
    this.#watch.start();
  }

  /** Sends what waits and puts the counters on disk. */
  async stop(): Promise<void> {
    this.#watch.stop();
    await this.#publisher.stop();
    // without a validator gossip would accept and forward whatever comes until the network stops
    for (const topic of gossipTopics()) this.#components.gossip.topicValidators.set(topic, ignoreAll);
    // what is being checked now is refused: no id is taken any more
    this.#seen.close();
    putSequences(this.#directory, this.#sequences);
  }

  /** The adjustment of a peer's gossip score: enough to graylist a misbehaving peer, else nothing. */
  scoreOf(peer: string): number {
    return this.#admission.isGraylisted(peer) ? GRAYLISTED_SCORE : 0;
  }

  probe(): readonly Probe[] {
    const fault = this.diskFault;
    return [{ name: 'disk', ok: fault === null, detail: fault ?? 'seen ids reach the disk' }];
  }

  get waiting(): number {
    return this.#admission.waiting;
  }

  get publishQueueBytes(): number {
    return this.#publisher.waitingBytes;
  }

  get subscriptionCount(): number {
    return this.#subscriptions.count;
  }

  /** Why the disk does not take seen ids, or null. */
  get diskFault(): string | null {
    return this.#seen.diskFault;
  }

  async publish(request: PublishRequest): Promise<Receipt> {
    this.#refuseIfAlone(request);
    const { owner, namespace, topic, data, expiry = null } = request;
    checkNames(request);
    const asked = { owner, namespace, action: 'publish', resource: topic } as const;
    const chain = await this.#components.credentials.chainFor(asked, request.chain);
    const { envelope, index, peersReached } = await this.#publisher.publish({
      owner,
      namespace,
      topic,
      data,
      expiry,
      chain,
    });
    return receipt(envelope, [index], peersReached);
  }

  async submitSigned(bytes: Uint8Array): Promise<Receipt> {
    const envelope = await this.#take(bytes);
    const peersReached = await this.#spread(envelope);
    return receipt(envelope, [...envelope.messages.keys()], peersReached);
  }

  subscribe(topic: TopicName, listener: (delivery: Delivery) => void): Subscription {
    checkNames(topic);
    return this.#subscriptions.add(topic, listener);
  }

  topics(namespace: string, owner: string): string[] {
    checkNamespace(namespace);
    checkOwnerDid(owner);
    return this.#subscriptions.topics(namespace, owner);
  }

  /** Throws `no_peers` at a light node that reaches no subscriber of the topic's shard. */
  #refuseIfAlone(topic: TopicName): void {
    if (this.#role !== 'light') return;
    checkNames(topic);
    if (this.#components.gossip.getSubscribers(this.#places.of(topic).gossipTopic).length === 0) {
      throw new CodedError('no_peers', 'this light node reaches no peer now: nothing was sent; try again');
    }
  }

  /** Remembers an own envelope and spreads it. */
  async #send(envelope: SignedEnvelope): Promise<number> {
    if (!this.#seen.add(envelope.digest)) {
      throw new CodedError('overloaded', 'the deduplication window is full; try again in a minute');
    }
    return this.#spread(envelope);
  }

  /** The envelope that a client handed in, checked like one of a peer. */
  async #take(bytes: Uint8Array): Promise<SignedEnvelope> {
    try {
      // before it counts as seen: the client tries again
      this.#refuseIfAlone(decodeEnvelope(bytes, this.#components.crypto));
      return await this.#admission.admit(bytes, CLIENTS, null);
    } catch (error) {
      throw error instanceof RelayError ? refusal(error) : error;
    }
  }

  /** Hands an envelope that begins here to local subscribers and gossips it. */
  async #spread(envelope: SignedEnvelope): Promise<number> {
    this.metrics.envelopesPublished += 1;
    this.metrics.messagesPublished += envelope.messages.length;
    this.#deliver(envelope);
    const { gossip, logger } = this.#components;
    try {
      return (await gossip.publish(this.#places.of(envelope).gossipTopic, envelope.bytes)).recipients.length;
    } catch (error) {
      logger.error({ err: error }, 'gossip did not take an envelope');
      return 0;
    }
  }

  async #validate(peer: PeerId, message: Message): Promise<TopicValidatorResult> {
    try {
      this.#deliver(await this.#admission.admit(message.data, peer.toString(), message.topic));
      return TopicValidatorResult.Accept;
    } catch (error) {
      if (!(error instanceof RelayError)) {
        this.#components.logger.error({ err: error }, 'an envelope could not be checked');
        return TopicValidatorResult.Ignore;
      }
      this.#components.logger.debug({ code: error.code, peer: peer.toString() }, error.message);
      return error.fault === 'sender' ? TopicValidatorResult.Reject : TopicValidatorResult.Ignore;
    }
  }

  #deliver(envelope: SignedEnvelope): void {
    this.metrics.messagesDelivered += this.#subscriptions.deliver(envelope);
  }
}

/** Peer id for envelopes that clients signed and submitted themselves. */
const CLIENTS = 'clients';

function receipt(envelope: SignedEnvelope, indexes: readonly number[], peersReached: number): Receipt {
  const id = envelopeCid(envelope.digest);
  const messageIds = indexes.map((index) => messageId(id, index));
  return { id, messageIds, peersReached, storedBy: [], durable: false };
}

/** The error for a client whose envelope is refused. */
function refusal({ code, message }: RelayError): CodedError {
  if (code === 'overloaded') return new CodedError(code, message);
  if (code === 'envelope_duplicate')
    return new CodedError('duplicate', 'this envelope was published already');
  if (code === 'envelope_unauthorised' || code === 'envelope_chain')
    return new CodedError('forbidden', message);
  return new CodedError('bad_envelope', message);
}

function ignoreAll(): TopicValidatorResult {
  return TopicValidatorResult.Ignore;
}

function checkNames(topic: TopicName): void {
  checkOwnerDid(topic.owner);
  checkNamespace(topic.namespace);
  checkTopic(topic.topic);
}
