import { randomBytes } from 'node:crypto';
import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import type { Connection, IdentifyResult, PeerId } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { equalBytes } from '../../protocols/common/bytes.ts';
import type { TimerClock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { encodeMultikey } from '../../protocols/common/did-key.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { RepeatingTask } from '../../protocols/common/repeating-task.ts';
import {
  collectAnnouncements,
  NODES_PROTOCOL,
  NodeAdmission,
  NodeAnnouncer,
  type NodeDescription,
  NodesError,
  PageServer,
  type SignedAnnouncement,
} from '../../protocols/nodes/index.ts';
import type { Identity } from '../identity/identity.ts';
import { GRAYLISTED_SCORE } from '../network/gossip.ts';
import type { Network } from '../network/libp2p.ts';
import type { EventLog } from '../observability/events.ts';
import type { Logger } from '../observability/logger.ts';
import { Questions } from '../transport/questions.ts';
import { DialBack } from './dial-back.ts';
import { announcedAt, type Entry, type EntryAddress, viewOf, viewOfSelf, withoutOwnId } from './entry.ts';
import { Herald } from './herald.ts';
import type { NodeView } from './interface.ts';
import {
  EXCHANGE_MS,
  EXCHANGE_PAGES_MAX,
  EXCHANGE_TIMEOUT_MS,
  FIRST_PAGES_MAX,
  FIRST_PEERS,
  PAGE_QUESTIONS,
} from './limits.ts';
import { createDirectoryMetrics, type DirectoryMetrics } from './metrics.ts';
import { Roster } from './roster.ts';
import { describeSelf, type SelfInit, type Sponsorship } from './self.ts';

export interface DirectoryComponents {
  readonly network: Network;
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly identity: Identity;
  readonly logger: Logger;
  readonly events: EventLog;
  /** This node's current statement about its operator. */
  readonly sponsorship: () => Sponsorship;
  /** Rejects with `NodesError` where an announcement's chain does not lead from its operator to its author. */
  readonly verifyOperator: (announcement: SignedAnnouncement, peer: string) => Promise<void>;
}

export interface DirectoryInit extends SelfInit {
  readonly swarm: string;
  /** Nodes in the directory. */
  readonly max: number;
  /** Nodes of one prefix. */
  readonly perPrefix: number;
  /** Peers a node wants: connections beyond are closed when the dial-back is done. */
  readonly target: number;
  /** Count 127.0.0.0/8 by its /24s; otherwise loopback is not counted. */
  readonly splitLoopback: boolean;
}

/** How often the directory checks whether a task is due. */
const TICK_MS = 1_000;
/** How long a connection that a dial-back no longer needs may take to close. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * The swarm's directory at this node: announces it, takes others' announcements from gossip and by asking, dials back
 * the nodes they name, and forgets nodes whose announcements expired.
 */
export class Directory {
  readonly metrics: DirectoryMetrics = createDirectoryMetrics();
  readonly #components: DirectoryComponents;
  readonly #init: DirectoryInit;
  readonly #roster: Roster;
  readonly #dialBack: DialBack;
  readonly #herald: Herald;
  readonly #admission: NodeAdmission;
  readonly #exchange: Questions;
  readonly #author: Uint8Array;
  readonly #asking = new Set<Promise<void>>();
  readonly #ticking: RepeatingTask;
  #firstAsked = 0;
  #exchangeAt = 0;

  constructor(components: DirectoryComponents, init: DirectoryInit) {
    const { clock, crypto, identity, logger, network } = components;
    const { metrics } = this;
    const { max, perPrefix, splitLoopback, swarm } = init;
    this.#components = components;
    this.#init = init;
    this.#author = encodeMultikey(identity.signer.publicKey);
    this.#roster = new Roster({ clock }, { max, perPrefix, splitLoopback });
    this.#dialBack = new DialBack({
      roster: this.#roster,
      clock,
      logger,
      metrics,
      dial: (...call) => this.#dial(...call),
      isConnected: ({ peer }) => network.getConnections(peer).length > 0,
      openAt: (entry) => this.#openAt(entry),
      onFailed: ({ id }) => components.events.report('dial_back_failed', { peer: id }),
      random: Math.random,
    });
    this.#herald = new Herald({
      announcer: new NodeAnnouncer({ crypto, clock, signer: identity.signer }, { swarm }),
      clock,
      describe: () => this.#describe(),
      publish: (announcement) => this.#publish(announcement),
      hasListeners: () => network.services.gossip.getSubscribers(NODES_PROTOCOL).length > 0,
      onTwin: () => components.events.report('twin_seen', { peerId: identity.peerId }),
    });
    const held = {
      timeOf: (key: Uint8Array) => this.#timeOf(key),
      put: (one: SignedAnnouncement) => this.#put(one),
    };
    this.#ticking = new RepeatingTask(
      { clock, run: () => this.#tick(), onError: (error) => this.#unannounced(error) },
      { intervalMs: TICK_MS },
    );
    const { verifyOperator } = components;
    this.#admission = new NodeAdmission({ crypto, clock, held, metrics, verifyOperator }, { swarm });
    const pages = new PageServer({ clock, held: () => this.#announcements(), metrics });
    this.#exchange = new Questions(
      { network, logger, answer: (question, peer) => pages.answer(question, peer) },
      PAGE_QUESTIONS,
    );
  }

  async start(): Promise<void> {
    if (this.#ticking.isStarted) return;
    const { network } = this.#components;
    const { gossip } = network.services;
    await this.#exchange.start();
    gossip.topicValidators.set(NODES_PROTOCOL, (peer, message) => this.#validate(peer, message));
    gossip.subscribe(NODES_PROTOCOL);
    network.addEventListener('connection:open', this.#onOpen);
    network.addEventListener('connection:close', this.#onClose);
    network.addEventListener('peer:identify', this.#onIdentify);
    network.addEventListener('self:peer:update', this.#announce);
    this.#exchangeAt = this.#nextExchange();
    this.#dialBack.start();
    this.#ticking.start();
    await this.#ticking.runNow();
  }

  async stop(): Promise<void> {
    if (!this.#ticking.isStarted) return;
    await this.#ticking.stop();
    const { network } = this.#components;
    network.removeEventListener('connection:open', this.#onOpen);
    network.removeEventListener('connection:close', this.#onClose);
    network.removeEventListener('peer:identify', this.#onIdentify);
    network.removeEventListener('self:peer:update', this.#announce);
    network.services.gossip.topicValidators.set(NODES_PROTOCOL, () => TopicValidatorResult.Ignore);
    await this.#exchange.stop();
    await Promise.all([this.#dialBack.stop(), ...this.#asking]);
  }

  /** This node, then those that were dialled back, then hearsay. */
  nodes(): NodeView[] {
    const now = this.#components.clock.now();
    const others = [...this.#roster].map((entry) =>
      viewOf(entry, this.#isConnected(entry) ? now : entry.lastSeen),
    );
    return [this.#viewSelf(now), ...others];
  }

  /** This node as it announces itself. */
  get self(): NodeView {
    return this.#viewSelf(this.#components.clock.now());
  }

  /** All others, those that were dialled back first. */
  get entries(): Iterable<Entry> {
    return this.#roster;
  }

  entryOf(id: string): Entry | undefined {
    return this.#roster.get(id);
  }

  /** Asks a connected peer for its directory: something shows that it knows more nodes. */
  refresh(peer: PeerId): void {
    if (this.#ticking.isStarted && this.#asking.size < FIRST_PEERS) this.#ask(peer, false);
  }

  get verifiedCount(): number {
    return this.#roster.verifiedCount;
  }

  get hearsayCount(): number {
    return this.#roster.hearsayCount;
  }

  /** The adjustment of a peer's gossip score by this service. */
  scoreOf(peer: string): number {
    return this.#admission.isGraylisted(peer) ? GRAYLISTED_SCORE : 0;
  }

  /** Where nodes may be dialled that are not connected: those that were reached first, one prefix after another. */
  candidates(max: number): Multiaddr[][] {
    const turns = new Map<string, number>();
    const open = [...this.#roster].filter((entry) => entry.addresses.length > 0 && !this.#isConnected(entry));
    return open
      .map((entry) => {
        const turn = turns.get(entry.prefix) ?? 0;
        turns.set(entry.prefix, turn + 1);
        return { entry, turn, rank: entry.failures + (entry.isVerified ? 0 : 1) };
      })
      .sort((a, b) => a.rank - b.rank || a.turn - b.turn)
      .slice(0, max)
      .map(({ entry }) => entry.addresses.map(({ target }) => target));
  }

  readonly #onOpen = ({ detail }: CustomEvent<Connection>): void => {
    const entry = this.#roster.get(detail.remotePeer.toString());
    if (entry === undefined) return;
    entry.lastSeen = this.#components.clock.now();
    const address = announcedAt(entry, detail, this.#components.identity.peerId);
    if (address !== undefined) this.#dialBack.reached(entry, address);
  };

  readonly #onClose = ({ detail }: CustomEvent<Connection>): void => {
    const entry = this.#roster.get(detail.remotePeer.toString());
    if (entry !== undefined) entry.lastSeen = this.#components.clock.now();
    // whoever lost everybody begins anew
    if (this.#components.network.getPeers().length === 0) this.#firstAsked = 0;
  };

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    if (this.#firstAsked >= FIRST_PEERS || !detail.protocols.includes(NODES_PROTOCOL)) return;
    this.#firstAsked += 1;
    this.#ask(detail.peerId, true);
  };

  #tick(): void {
    this.#roster.dropExpired();
    this.#announce();
    const { clock, network } = this.#components;
    if (clock.now() < this.#exchangeAt) return;
    this.#exchangeAt = this.#nextExchange();
    const peers = network.getPeers();
    const peer = peers[Math.floor(Math.random() * peers.length)];
    if (peer !== undefined) this.#ask(peer, false);
  }

  #nextExchange(): number {
    return this.#components.clock.now() + EXCHANGE_MS * (0.5 + Math.random());
  }

  readonly #announce = (): void => {
    this.#herald.tick().catch((error: unknown) => this.#unannounced(error));
  };

  #unannounced(error: unknown): void {
    this.#components.logger.error({ err: error }, 'this node could not be announced');
  }

  async #publish({ bytes }: SignedAnnouncement): Promise<number> {
    this.metrics.announcementsPublished += 1;
    try {
      return (await this.#components.network.services.gossip.publish(NODES_PROTOCOL, bytes)).recipients
        .length;
    } catch (error) {
      this.#components.logger.debug({ reason: errorMessage(error) }, 'gossip did not take an announcement');
      return 0;
    }
  }

  async #validate(peer: PeerId, { data }: Message): Promise<TopicValidatorResult> {
    try {
      await this.#admission.admit(data, peer.toString(), 'pushed');
      return TopicValidatorResult.Accept;
    } catch (error) {
      if (!(error instanceof NodesError)) {
        this.#components.logger.error({ err: error }, 'an announcement could not be checked');
        return TopicValidatorResult.Ignore;
      }
      this.#components.logger.debug({ code: error.code, peer: peer.toString() }, error.message);
      return error.fault === 'sender' ? TopicValidatorResult.Reject : TopicValidatorResult.Ignore;
    }
  }

  #timeOf(author: Uint8Array): number | undefined {
    if (equalBytes(author, this.#author)) return this.#herald.announcement?.time;
    return this.#roster.ofAuthor(author)?.announcement.time;
  }

  #put(announcement: SignedAnnouncement): boolean {
    if (equalBytes(announcement.author, this.#author)) {
      this.#herald.outdone(announcement.time);
      return true;
    }
    const entry = this.#roster.put(announcement);
    if (entry === null) return false;
    if (this.#isConnected(entry)) entry.lastSeen = this.#components.clock.now();
    const open = this.#openAt(entry);
    if (open !== undefined) this.#dialBack.reached(entry, open);
    else if (entry.dialAt === 0) this.#dialBack.schedule(entry);
    return true;
  }

  *#announcements(): IterableIterator<SignedAnnouncement> {
    if (this.#herald.announcement !== null) yield this.#herald.announcement;
    for (const { announcement } of this.#roster) yield announcement;
  }

  /** Asks `peer` for announcements: for all of them, or from a place chosen by chance. */
  #ask(peer: PeerId, isFirst: boolean): void {
    const asking = this.#collect(peer, isFirst)
      .then(() => {
        this.metrics.exchangesOk += 1;
      })
      .catch((error: unknown) => {
        if (this.#ticking.signal.aborted) return;
        this.metrics.exchangesFailed += 1;
        // somebody else is to be asked for all instead
        if (isFirst) this.#firstAsked -= 1;
        const reason = errorMessage(error);
        this.#components.logger.debug({ peer: peer.toString(), reason }, 'a peer did not tell what it knows');
      })
      .finally(() => this.#asking.delete(asking));
    this.#asking.add(asking);
  }

  async #collect(peer: PeerId, isFirst: boolean): Promise<void> {
    const signal = AbortSignal.any([this.#ticking.signal, AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)]);
    const options = {
      ask: (request: Uint8Array) => this.#exchange.ask(peer, request, signal),
      pagesMax: isFirst ? FIRST_PAGES_MAX : EXCHANGE_PAGES_MAX,
      onAnnouncement: (bytes: Uint8Array) => this.#take(bytes, peer.toString()),
    };
    const start = new Uint8Array();
    const from = isFirst ? start : encodeMultikey(randomBytes(this.#author.byteLength - 2));
    const isAtEnd = await collectAnnouncements({ ...options, from });
    if (isAtEnd && !isFirst) await collectAnnouncements({ ...options, from: start });
  }

  /** A requested announcement may be known or late; one that no honest node has ends the exchange. */
  async #take(bytes: Uint8Array, peer: string): Promise<void> {
    try {
      await this.#admission.admit(bytes, peer, 'asked');
    } catch (error) {
      if (!(error instanceof NodesError) || error.fault === 'sender') throw error;
    }
  }

  async #dial(entry: Entry, address: EntryAddress, signal: AbortSignal): Promise<EntryAddress> {
    const { network } = this.#components;
    const hadConnection = this.#isConnected(entry);
    // another connection than the one there may be, or nothing would be shown
    const connection = await network.dial(address.target, { force: true, signal });
    const reached = announcedAt(entry, connection, this.#components.identity.peerId);
    const isNeeded = !hadConnection && network.getPeers().length <= this.#init.target;
    if (!isNeeded) {
      connection.close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) }).catch((error: Error) => {
        connection.abort(error);
      });
    }
    if (reached === undefined) throw new Error(`the connection leads to ${connection.remoteAddr.toString()}`);
    return reached;
  }

  #isConnected({ peer }: Entry): boolean {
    return this.#components.network.getConnections(peer).length > 0;
  }

  #openAt(entry: Entry): EntryAddress | undefined {
    const { network, identity } = this.#components;
    for (const connection of network.getConnections(entry.peer)) {
      if (connection.status !== 'open') continue;
      const address = announcedAt(entry, connection, identity.peerId);
      if (address !== undefined) return address;
    }
    return undefined;
  }

  #ownAddresses(): Uint8Array[] {
    const { network, identity } = this.#components;
    return network.services.reach
      .ownAddresses()
      .map((address) => multiaddr(withoutOwnId(address, identity.peerId)).bytes);
  }

  #describe(): NodeDescription {
    return describeSelf(this.#init, this.#ownAddresses(), this.#components.sponsorship());
  }

  #viewSelf(now: number): NodeView {
    const { peerId } = this.#components.identity;
    return viewOfSelf(this.#describe(), { peerId, announcement: this.#herald.announcement, now });
  }
}
