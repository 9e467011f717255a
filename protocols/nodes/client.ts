import { bytesKey } from '../common/bytes.ts';
import type { Clock } from '../common/clock.ts';
import type { Crypto, Ed25519Signer } from '../common/crypto.ts';
import { encodeMultikey } from '../common/did-key.ts';
import type { NodeAnnouncement, SignedAnnouncement } from './announcement.ts';
import {
  decodeAnnouncement,
  decodePage,
  encodeAnnouncement,
  encodeBody,
  encodeRequest,
  signingBytes,
} from './codec.ts';
import { LIFETIME_MS, PAGE_ITEMS_MAX, REPLACE_INTERVAL_MS } from './constants.ts';
import { NodesError } from './errors.ts';

/** A node's description, without author and times. */
export type NodeDescription = Omit<NodeAnnouncement, 'author' | 'time' | 'expiry' | 'ext'>;

export interface NodeAnnouncerComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signer: Ed25519Signer;
}

/** Makes a node's own announcements, each later than the one before. */
export class NodeAnnouncer {
  readonly #components: NodeAnnouncerComponents;
  readonly #swarm: string;
  readonly author: Uint8Array;
  #lastTime = 0;

  constructor(components: NodeAnnouncerComponents, init: { readonly swarm: string }) {
    this.#components = components;
    this.#swarm = init.swarm;
    this.author = encodeMultikey(components.signer.publicKey);
  }

  /** An announcement of this node's own was met that it made before it started: the next one is to replace it. */
  outdo(time: number): void {
    this.#lastTime = Math.max(this.#lastTime, time);
  }

  async announce(description: NodeDescription): Promise<SignedAnnouncement> {
    const { crypto, clock, signer } = this.#components;
    const time = Math.max(clock.now(), this.#lastTime + REPLACE_INTERVAL_MS);
    this.#lastTime = time;
    const announcement = { ...description, author: this.author, time, expiry: time + LIFETIME_MS, ext: {} };
    const body = encodeBody(announcement);
    const signature = await signer.sign(signingBytes(this.#swarm, crypto.sha256(body)));
    return decodeAnnouncement(encodeAnnouncement(body, signature), crypto);
  }
}

export interface CollectOptions {
  /** Sends one question and gives the answer's bytes. */
  readonly ask: (request: Uint8Array) => Promise<Uint8Array>;
  /** Key after which to begin; empty for the beginning. */
  readonly from: Uint8Array;
  /** Pages asked for at most: a peer can make up keys without end. */
  readonly pagesMax: number;
  readonly onAnnouncement: (bytes: Uint8Array) => Promise<void>;
}

/**
 * Asks a peer for its announcements, page by page. Stops at its last page, at the bound, when it refuses, or when it
 * does not get on. Resolves to whether the last page came. Throws `NodesError` for an answer that cannot be read.
 */
export async function collectAnnouncements(options: CollectOptions): Promise<boolean> {
  let cursor = options.from;
  for (let count = 0; count < options.pagesMax; count++) {
    const page = decodePage(await options.ask(encodeRequest({ cursor, limit: PAGE_ITEMS_MAX })));
    for (const bytes of page.announcements) await options.onAnnouncement(bytes);
    if (page.error !== '') return false;
    if (page.next.byteLength === 0) return true;
    if (bytesKey(page.next) <= bytesKey(cursor)) {
      throw new NodesError('frame_malformed', 'the next page must be behind this one');
    }
    cursor = page.next;
  }
  return false;
}
