/** A peer that asks a node to let it join, and says in it what it likes. */
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { lpStream } from '@libp2p/utils';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import {
  ANSWER_MAX_BYTES,
  decodeAnswer,
  encodeRequest,
  type Invite,
  JOIN_PROTOCOL,
  type JoinAnswer,
  type JoinRequest,
} from '../../protocols/join/index.ts';
import { type Author, seedOf } from './envelopes.ts';
import type { Cleanup } from './processes.ts';

export class JoiningPeer {
  readonly #libp2p: Libp2p;
  readonly #address: string;

  private constructor(libp2p: Libp2p, address: string) {
    this.#libp2p = libp2p;
    this.#address = address;
  }

  /** With the key of `author`. `address` ends in the peer id of the node. */
  static async connect(t: Cleanup, author: Author, address: string): Promise<JoiningPeer> {
    const libp2p = await createLibp2p({
      privateKey: privateKeyFromRaw(Buffer.concat([seedOf(author), author.publicKey])),
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    });
    t.after(() => libp2p.stop());
    return new JoiningPeer(libp2p, address);
  }

  get id(): string {
    return this.#libp2p.peerId.toString();
  }

  async redeem({ id, secret }: Pick<Invite, 'id' | 'secret'>, name = 'raw'): Promise<JoinAnswer> {
    return this.request({ kind: 'redeem', id, secret, name });
  }

  async request(request: JoinRequest): Promise<JoinAnswer> {
    return decodeAnswer(await this.send(encodeRequest(request)));
  }

  /** The answer to whatever bytes. Rejects where the stream is cut. */
  async send(bytes: Uint8Array): Promise<Uint8Array> {
    const stream = await this.#open();
    const frames = lpStream(stream, { maxDataLength: ANSWER_MAX_BYTES });
    const signal = AbortSignal.timeout(20_000);
    await frames.write(bytes, { signal });
    try {
      return (await frames.read({ signal })).subarray();
    } finally {
      stream.abort(new Error('answered'));
    }
  }

  /** Sends a request and does not wait for the answer. */
  async throwAt(request: JoinRequest): Promise<void> {
    const frames = lpStream(await this.#open(), { maxDataLength: ANSWER_MAX_BYTES });
    await frames.write(encodeRequest(request), { signal: AbortSignal.timeout(20_000) });
  }

  #open() {
    return this.#libp2p.dialProtocol(multiaddr(this.#address), JOIN_PROTOCOL);
  }
}
