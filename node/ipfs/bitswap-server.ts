import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Connection, PeerId, Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { isBlockCid } from '../../protocols/blobs/index.ts';
import { bytesKey } from '../../protocols/common/bytes.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { ConcurrencyLimit } from '../../protocols/common/concurrency-limit.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { RateLimit } from '../../protocols/common/rate-limit.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import type { PublicBlocks } from '../storage/blobs/public-blocks.ts';
import { Frames } from '../transport/frames.ts';
import {
  BITSWAP_PROTOCOL,
  decodeWantlist,
  encodeAnswer,
  type Presence,
  type SentBlock,
  type Want,
  type Wantlist,
} from './bitswap-message.ts';
import {
  BITSWAP_MESSAGE_MAX_BYTES,
  BITSWAP_STREAMS,
  DEAF_MS,
  LINGER_MS,
  LOOKUPS_BURST,
  LOOKUPS_PER_SECOND,
  LOOKUPS_PER_TURN,
  PEERS_MAX,
  RESET_LOOKUPS,
  SEND_TIMEOUT_MS,
  SENDS_AT_ONCE,
  WANTLIST_BURST_BYTES,
  WANTLIST_BYTES_PER_SECOND,
  WANTS_MAX,
  WANTS_TOTAL_MAX,
} from './limits.ts';
import type { IpfsMetrics } from './metrics.ts';
import { Outgoing } from './outgoing.ts';

export interface BitswapServerComponents {
  readonly network: Pick<
    Network,
    'handle' | 'unhandle' | 'getConnections' | 'addEventListener' | 'removeEventListener'
  >;
  readonly blocks: Pick<PublicBlocks, 'has' | 'block'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: IpfsMetrics;
}

/** A peer's wants that await an answer. */
interface Customer {
  readonly wants: Map<string, Want>;
  readonly gone: AbortController;
  /** Ends the wait for more to be wanted. */
  wake: () => void;
}

/**
 * Gives public blocks to whoever asks for them by bitswap, and asks for none. Each peer's wants wait in a bounded list; one
 * message to it is under way at a time, with one block at most, and the next is made when the peer took that. A peer that takes
 * nothing, or says too much, is ignored for a while.
 */
export class BitswapServer {
  readonly #components: BitswapServerComponents;
  readonly #customers = new Map<string, Customer>();
  /** On which peers say what they want. */
  readonly #listening = new Set<Frames>();
  readonly #sends = new ConcurrencyLimit({ max: SENDS_AT_ONCE, queueMax: PEERS_MAX });
  readonly #deafUntil = new Map<string, number>();
  readonly #said: RateLimit;
  readonly #lookups: RateLimit;
  readonly #sendTimeoutMs: number;
  #waiting = 0;
  #isRunning = false;

  constructor(components: BitswapServerComponents, init: { readonly sendTimeoutMs?: number } = {}) {
    this.#components = components;
    this.#sendTimeoutMs = init.sendTimeoutMs ?? SEND_TIMEOUT_MS;
    this.#said = rate(components, WANTLIST_BYTES_PER_SECOND, WANTLIST_BURST_BYTES);
    this.#lookups = rate(components, LOOKUPS_PER_SECOND, LOOKUPS_BURST);
  }

  /** Wants of all peers that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { network } = this.#components;
    network.addEventListener('peer:disconnect', this.#onDisconnect);
    await network.handle(BITSWAP_PROTOCOL, (stream, connection) => this.#handle(stream, connection), {
      maxInboundStreams: BITSWAP_STREAMS,
      maxOutboundStreams: BITSWAP_STREAMS,
    });
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    const { network } = this.#components;
    network.removeEventListener('peer:disconnect', this.#onDisconnect);
    await network.unhandle(BITSWAP_PROTOCOL);
    for (const peer of this.#customers.keys()) this.#dismiss(peer);
    for (const frames of this.#listening) frames.abort(new Error('this node is stopping'));
    this.#listening.clear();
  }

  readonly #onDisconnect = ({ detail }: CustomEvent<PeerId>): void => this.#dismiss(detail.toString());

  #handle(stream: Stream, { remotePeer }: Connection): void {
    const peer = remotePeer.toString();
    if (this.#isDeafTo(peer)) return stream.abort(new Error('this peer is not listened to'));
    const frames: Frames = new Frames(stream, {
      onFrame: (frame) => this.#take(peer, frame),
      onEnd: () => this.#listening.delete(frames),
      maxBytes: BITSWAP_MESSAGE_MAX_BYTES,
    });
    if (frames.isOpen) this.#listening.add(frames);
  }

  /** Throws when the stream is of no more use. */
  #take(peer: string, message: Uint8Array): void {
    const { metrics } = this.#components;
    if (this.#isDeafTo(peer)) throw new Error('this peer is not listened to');
    metrics.messagesReceived += 1;
    if (this.#said.take(peer, message.byteLength) > 0) {
      metrics.messagesRefused += 1;
      this.#deafen(peer);
      throw new Error('it says more than is listened to');
    }
    try {
      this.#note(peer, decodeWantlist(message));
    } catch (error) {
      metrics.messagesRefused += 1;
      throw error;
    }
  }

  #note(peer: string, { isFull, wants }: Wantlist): void {
    const { metrics } = this.#components;
    const known = this.#customers.get(peer);
    const customer: Customer = known ?? newCustomer();
    if (isFull) this.#forget(customer);
    for (const want of wants) {
      const key = bytesKey(want.cid);
      if (want.isCancelled) {
        if (customer.wants.delete(key)) this.#waiting -= 1;
        continue;
      }
      metrics.wantsReceived += 1;
      if (customer.wants.has(key)) customer.wants.set(key, want);
      else if (customer.wants.size >= WANTS_MAX || this.#waiting >= WANTS_TOTAL_MAX)
        metrics.wantsDropped += 1;
      else {
        customer.wants.set(key, want);
        this.#waiting += 1;
      }
    }
    if (known !== undefined) return customer.wake();
    if (customer.wants.size === 0) return;
    this.#customers.set(peer, customer);
    void this.#serve(peer, customer);
  }

  /** Until it has wanted nothing more for a while. Never rejects. */
  async #serve(peer: string, customer: Customer): Promise<void> {
    const { logger } = this.#components;
    let outgoing: Outgoing | null = null;
    let timeout: AbortSignal | null = null;
    try {
      while (await wantsMore(customer)) {
        // each turn is one of all peers
        await nextTurn();
        await this.#waitForRate(peer, customer);
        const release = await this.#sends.acquire('', { signal: customer.gone.signal });
        try {
          const answer = await this.#nextAnswer(peer, customer);
          if (answer === null) continue;
          timeout = AbortSignal.timeout(this.#sendTimeoutMs);
          const signal = AbortSignal.any([customer.gone.signal, timeout]);
          if (outgoing?.isOpen !== true) outgoing = await this.#open(peer, signal);
          await outgoing.send(answer, signal);
        } finally {
          release();
        }
      }
      this.#leave(peer, customer);
      await outgoing?.end(AbortSignal.timeout(this.#sendTimeoutMs));
    } catch (error) {
      this.#leave(peer, customer);
      const reason = errorMessage(error);
      outgoing?.abort(new Error(reason));
      if (customer.gone.signal.aborted) return;
      logger.debug({ peer, reason }, 'a peer did not take what it wanted');
      // a stream that it ended may be one of a connection that ends; the block was read all the same
      if (timeout?.aborted === true) this.#deafen(peer);
      else this.#lookups.charge(peer, RESET_LOOKUPS);
    }
  }

  async #waitForRate(peer: string, { gone }: Customer): Promise<void> {
    const waitMs = this.#lookups.retryAfterMs(peer, LOOKUPS_PER_TURN);
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: gone.signal, ref: false });
  }

  /** The answer to the next wants, up to the first block among them; null where there is nothing to say. */
  async #nextAnswer(peer: string, { wants }: Customer): Promise<Uint8Array | null> {
    const { metrics } = this.#components;
    const presences: Presence[] = [];
    let block: SentBlock | null = null;
    let looked = 0;
    for (const [key, want] of wants) {
      if (looked >= LOOKUPS_PER_TURN || block !== null) break;
      looked += 1;
      wants.delete(key);
      this.#waiting -= 1;
      const found = await this.#lookUp(want);
      if (typeof found === 'object') block = found;
      else if (found || want.tellsAbsence) presences.push({ cid: want.cid, isHad: found });
    }
    this.#lookups.charge(peer, looked);
    if (block === null && presences.length === 0) return null;
    metrics.presencesSent += presences.length;
    if (block !== null) {
      metrics.blocksSent += 1;
      metrics.bytesSent += block.bytes.byteLength;
    }
    return encodeAnswer({ block, presences });
  }

  /** The block where it is wanted, and otherwise whether it is had. A CID that no block of a blob has is not had. */
  async #lookUp({ cid, isOfBlock }: Want): Promise<SentBlock | boolean> {
    const { blocks, logger } = this.#components;
    if (!isBlockCid(cid)) return false;
    try {
      if (!isOfBlock) return blocks.has(cid);
      const bytes = await blocks.block(cid);
      return bytes === null ? false : { cid, bytes };
    } catch (error) {
      logger.error({ err: error }, 'a public block could not be read');
      return false;
    }
  }

  #open(peer: string, signal: AbortSignal): Promise<Outgoing> {
    const connection = this.#connectionTo(peer);
    if (connection === undefined) throw new Error('it is not connected any more');
    return Outgoing.open(connection, BITSWAP_PROTOCOL, { signal, streamsMax: BITSWAP_STREAMS });
  }

  #connectionTo(peer: string): Connection | undefined {
    return this.#components.network
      .getConnections(peerIdFromString(peer))
      .find(({ status, limits }) => status === 'open' && limits === undefined);
  }

  #dismiss(peer: string): void {
    const customer = this.#customers.get(peer);
    if (customer === undefined) return;
    customer.gone.abort(new Error('the peer has gone'));
    this.#leave(peer, customer);
  }

  #leave(peer: string, customer: Customer): void {
    this.#forget(customer);
    if (this.#customers.get(peer) === customer) this.#customers.delete(peer);
  }

  #forget({ wants }: Customer): void {
    this.#waiting -= wants.size;
    wants.clear();
  }

  #isDeafTo(peer: string): boolean {
    const until = this.#deafUntil.get(peer);
    if (until === undefined) return false;
    if (this.#components.clock.now() < until) return true;
    this.#deafUntil.delete(peer);
    return false;
  }

  #deafen(peer: string): void {
    const { clock, metrics } = this.#components;
    metrics.peersDeafened += 1;
    if (this.#deafUntil.size >= PEERS_MAX) {
      const [oldest] = this.#deafUntil.keys();
      if (oldest !== undefined) this.#deafUntil.delete(oldest);
    }
    this.#deafUntil.set(peer, clock.now() + DEAF_MS);
    this.#dismiss(peer);
  }
}

function newCustomer(): Customer {
  return { wants: new Map(), gone: new AbortController(), wake: () => undefined };
}

/** Whether it wants something, now or soon: who is told one thing asks for the next, and a stream costs a round trip. */
async function wantsMore(customer: Customer): Promise<boolean> {
  const { wants, gone } = customer;
  if (wants.size === 0 && !gone.signal.aborted) {
    const woken = new AbortController();
    customer.wake = () => woken.abort();
    const signal = AbortSignal.any([woken.signal, gone.signal]);
    await sleep(LINGER_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
  return wants.size > 0;
}

/** Nobody owes longer than what is granted at once takes to earn. */
function rate(components: { readonly clock: Clock }, perSecond: number, burst: number): RateLimit {
  return new RateLimit(components, { perSecond, burst, debtMax: burst, maxKeys: PEERS_MAX });
}
