import { type GossipSub, gossipsub, StrictNoSign } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { lpStream } from '@libp2p/utils';
import { yamux } from '@libp2p/yamux';
import { createLibp2p, type Libp2p } from 'libp2p';
import { sha256 } from './envelopes.ts';
import { type NoticesNode, TOPIC } from './notices-node.ts';
import { type Cleanup, until } from './processes.ts';

interface OpenGossip extends GossipSub {
  sendRpc(peer: string, rpc: { subscriptions: []; messages: { topic: string; data: Uint8Array }[] }): boolean;
  readonly streamsOutbound: ReadonlyMap<string, unknown>;
}

/** Answers a question about notices; nothing for no answer at all. */
export type AnswerQuestion = (question: Uint8Array) => Uint8Array | null;

/** A peer that speaks libp2p, gossip and the exchange of notices, and says in them what it likes. */
export class NoticesPeer {
  readonly #libp2p: Libp2p<{ gossip: GossipSub; ping: Ping }>;
  readonly #node: NoticesNode;
  asked = 0;

  private constructor(libp2p: Libp2p<{ gossip: GossipSub; ping: Ping }>, node: NoticesNode) {
    this.#libp2p = libp2p;
    this.#node = node;
  }

  /** Connected to `node` alone. With `answer` the node asks it for notices. */
  static async connect(t: Cleanup, node: NoticesNode, answer?: AnswerQuestion): Promise<NoticesPeer> {
    const libp2p = await createLibp2p({
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
    const peer = new NoticesPeer(libp2p, node);
    if (answer !== undefined) {
      await libp2p.handle(TOPIC, (stream) => void peer.#answer(stream, answer), { maxInboundStreams: 64 });
    }
    await libp2p.dial(node.address);
    peer.#gossip.subscribe(TOPIC);
    await until('the node hears the raw peer', () => peer.#gossip.streamsOutbound.has(node.id));
    await until('the node is subscribed', () => peer.#gossip.getSubscribers(TOPIC).length > 0);
    return peer;
  }

  get id(): string {
    return this.#libp2p.peerId.toString();
  }

  get isConnected(): boolean {
    return this.#libp2p.getPeers().length > 0;
  }

  /** The score that the node gives it. */
  get score(): number {
    return this.#node.score(this);
  }

  get #gossip(): OpenGossip {
    return this.#libp2p.services.gossip as OpenGossip;
  }

  /** Sends notices in one gossip frame, again too. */
  push(...notices: readonly Uint8Array[]): void {
    const messages = notices.map((data) => ({ topic: TOPIC, data }));
    this.#gossip.sendRpc(this.#node.id, { subscriptions: [], messages });
  }

  open(): Promise<Stream> {
    return this.#libp2p.dialProtocol(this.#node.network.peerId, TOPIC);
  }

  /** Asks the node, as it should be asked. */
  async ask(question: Uint8Array): Promise<Uint8Array> {
    const stream = await this.open();
    const frames = lpStream(stream);
    await frames.write(question);
    const answer = (await frames.read()).subarray();
    await stream.close();
    return answer;
  }

  /** Resolves when the node has read what was sent before. */
  async barrier(): Promise<void> {
    await this.#libp2p.services.ping.ping(this.#node.network.peerId);
  }

  async #answer(stream: Stream, answer: AnswerQuestion): Promise<void> {
    try {
      const frames = lpStream(stream);
      const reply = answer((await frames.read()).subarray());
      this.asked += 1;
      if (reply === null) return;
      await frames.write(reply);
      await stream.close();
    } catch {
      // the node hung up
    }
  }
}
