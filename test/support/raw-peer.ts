import type { TestContext } from 'node:test';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import { type GossipSub, gossipsub, StrictNoSign } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { Ed25519PrivateKey, PeerId, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import type { MaillonNode } from '../../node/index.ts';
import { type Author, seedOf, sha256, shardTopic } from './envelopes.ts';
import { tcpAddress } from './node.ts';
import { until } from './processes.ts';

const NODES = '/maillon/nodes/1';
const NOTICES = '/maillon/namespaces/1';

function keyOf(author: Author): Ed25519PrivateKey {
  const made = privateKeyFromRaw(Buffer.concat([seedOf(author), author.publicKey]));
  if (made.type !== 'Ed25519') throw new Error('not an Ed25519 key');
  return made;
}

/** The part of gossipsub used beyond its types: a frame to one peer, with any contents. */
interface OpenGossip extends GossipSub {
  sendRpc(peer: string, rpc: { subscriptions: []; messages: { topic: string; data: Uint8Array }[] }): boolean;
  readonly streamsOutbound: ReadonlyMap<string, unknown>;
}

/** A peer that speaks libp2p and gossipsub, and says in it what it likes: an attacker, or somebody honest. */
export class RawPeer {
  readonly #libp2p: Libp2p<{ gossip: GossipSub; ping: Ping }>;
  readonly #target: MaillonNode;
  #remote: PeerId | undefined;

  private constructor(libp2p: Libp2p<{ gossip: GossipSub; ping: Ping }>, target: MaillonNode) {
    this.#libp2p = libp2p;
    this.#target = target;
  }

  /** Connected to `node` alone and subscribed to every shard and to announcements. Others may dial it when it listens. */
  static async connect(
    t: TestContext,
    node: MaillonNode,
    as?: Author,
    listen: readonly string[] = [],
  ): Promise<RawPeer> {
    const libp2p = await createLibp2p({
      ...(as === undefined ? {} : { privateKey: keyOf(as) }),
      addresses: { listen: [...listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: {
        identify: identify(),
        ping: ping(),
        gossip: gossipsub({
          globalSignaturePolicy: StrictNoSign,
          msgIdFn: ({ data }) => sha256(data).subarray(0, 20),
        }),
      },
    });
    t.after(() => libp2p.stop());
    const peer = new RawPeer(libp2p, node);
    const connection = await libp2p.dial(multiaddr(tcpAddress(node)));
    peer.#remote = connection.remotePeer;
    for (let shard = 0; shard < 8; shard++) peer.#gossip.subscribe(shardTopic(shard));
    peer.#gossip.subscribe(NODES);
    await until('the node hears the raw peer', () => peer.#gossip.streamsOutbound.has(String(peer.#remote)));
    await until('the node is subscribed', () => peer.#gossip.getSubscribers(shardTopic(7)).length > 0);
    await until('and to announcements', () => peer.#gossip.getSubscribers(NODES).length > 0);
    return peer;
  }

  get id(): string {
    return this.#libp2p.peerId.toString();
  }

  /** The port it listens on. */
  get port(): number {
    return Number(/\/tcp\/(\d+)/.exec(String(this.#libp2p.getMultiaddrs()[0]))?.[1]);
  }

  get #gossip(): OpenGossip {
    return this.#libp2p.services.gossip as OpenGossip;
  }

  /** Sends `envelopes` in one frame on the gossip topic of a shard, again too. */
  send(shard: number, ...envelopes: readonly Uint8Array[]): void {
    this.#sendOn(shardTopic(shard), envelopes);
  }

  /** Sends `announcements` in one frame on their gossip topic. */
  announce(...announcements: readonly Uint8Array[]): void {
    this.#sendOn(NODES, announcements);
  }

  /** Sends policies and revocations in one frame on their gossip topic. */
  tell(...notices: readonly Uint8Array[]): void {
    this.#sendOn(NOTICES, notices);
  }

  /** A stream to the node. */
  async open(protocol: string): Promise<Stream> {
    if (this.#remote === undefined) throw new Error('never connected');
    return this.#libp2p.dialProtocol(this.#remote, protocol);
  }

  /** Answers streams of a protocol as it likes, and says so to the node. */
  async handle(protocol: string, handler: (stream: Stream) => void): Promise<void> {
    await this.#libp2p.handle(protocol, handler, { maxInboundStreams: 64 });
  }

  #sendOn(topic: string, all: readonly Uint8Array[]): void {
    const messages = all.map((data) => ({ topic, data }));
    this.#gossip.sendRpc(String(this.#remote), { subscriptions: [], messages });
  }

  /** Leaves the node and comes back under the same name, on a new connection. */
  async reconnect(): Promise<void> {
    const remote = this.#remote;
    if (remote === undefined) throw new Error('never connected');
    await this.#libp2p.hangUp(remote);
    await until('the stream is gone', () => !this.#gossip.streamsOutbound.has(String(remote)));
    await this.#libp2p.dial(multiaddr(tcpAddress(this.#target)));
    await until('the node hears the raw peer', () => this.#gossip.streamsOutbound.has(String(remote)));
  }

  /** Resolves when the node has read what was sent before. */
  async barrier(): Promise<void> {
    if (this.#remote !== undefined) await this.#libp2p.services.ping.ping(this.#remote);
  }

  /** The score the node gives to this peer. */
  async score(): Promise<number> {
    const peers = await this.#target.peers();
    return peers.find(({ id }) => id === this.id)?.score ?? Number.NaN;
  }
}
