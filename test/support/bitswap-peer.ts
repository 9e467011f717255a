/** A peer that speaks bitswap as it likes: says any bytes, and notes what it is told. Its bytes are made of the specification alone. */

import type { Connection, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { sha256 } from './envelopes.ts';
import { type Cleanup, until } from './processes.ts';

const BITSWAP = '/ipfs/bitswap/1.2.0';

export interface SaidWant {
  readonly cid: Uint8Array;
  readonly isOfBlock?: boolean;
  readonly isCancelled?: boolean;
  readonly tellsAbsence?: boolean;
}

/** A message with a wantlist. */
export function wantlist(wants: readonly SaidWant[], isFull = false): Buffer {
  const entries = wants.map(({ cid, isOfBlock = true, isCancelled = false, tellsAbsence = true }) =>
    field(
      1,
      Buffer.concat([
        field(1, cid),
        number(2, 1),
        ...(isCancelled ? [number(3, 1)] : []),
        ...(isOfBlock ? [] : [number(4, 1)]),
        ...(tellsAbsence ? [number(5, 1)] : []),
      ]),
    ),
  );
  return field(1, Buffer.concat([...entries, ...(isFull ? [number(2, 1)] : [])]));
}

/** Field of bytes. */
export function field(name: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint((name << 3) | 2), varint(content.byteLength), content]);
}

export function number(name: number, value: number): Buffer {
  return Buffer.concat([varint(name << 3), varint(value)]);
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Buffer.from([...bytes, rest]);
}

export class BitswapPeer {
  /** Presence of blocks by CID in hex. */
  readonly presences = new Map<string, boolean>();
  /** SHA-256 of the blocks that came, in hex. */
  readonly blocks: string[] = [];
  readonly #libp2p: Libp2p;
  readonly #connection: Connection;

  private constructor(libp2p: Libp2p, connection: Connection) {
    this.#libp2p = libp2p;
    this.#connection = connection;
  }

  static async connect(t: Cleanup, address: string): Promise<BitswapPeer> {
    const libp2p = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    });
    t.after(() => libp2p.stop());
    const peer = new BitswapPeer(libp2p, await libp2p.dial(multiaddr(address)));
    await libp2p.handle(BITSWAP, (stream) => peer.#listen(stream));
    return peer;
  }

  get id(): string {
    return this.#libp2p.peerId.toString();
  }

  /** Says a message; its length is what is said of it. */
  async say(message: Uint8Array, length = message.byteLength): Promise<Stream> {
    const stream = await this.#connection.newStream(BITSWAP);
    stream.send(Buffer.concat([varint(length), message]));
    return stream;
  }

  async ask(wants: readonly SaidWant[]): Promise<void> {
    const stream = await this.say(wantlist(wants));
    await stream.close();
  }

  /** Whether it is told that a block is had. */
  async has(cid: Uint8Array): Promise<boolean> {
    const key = Buffer.from(cid).toString('hex');
    this.presences.delete(key);
    await this.ask([{ cid, isOfBlock: false }]);
    return (await until('an answer', () => answered(this.presences.get(key)))).isHad;
  }

  async leave(): Promise<void> {
    await this.#libp2p.stop();
  }

  #listen(stream: Stream): void {
    let held = Buffer.alloc(0);
    stream.addEventListener('remoteCloseWrite', () => void stream.close().catch(() => undefined));
    stream.addEventListener('message', ({ data }) => {
      held = Buffer.concat([held, data.subarray()]);
      for (;;) {
        const head = readVarint(held, 0);
        if (head === null || held.byteLength < head.end + head.value) return;
        this.#note(held.subarray(head.end, head.end + head.value));
        held = held.subarray(head.end + head.value);
      }
    });
  }

  #note(message: Buffer): void {
    for (const [name, content] of fieldsOf(message)) {
      const inner = new Map(fieldsOf(content as Buffer));
      if (name === 3) this.blocks.push(sha256(inner.get(2) as Buffer).toString('hex'));
      if (name === 4) this.presences.set((inner.get(1) as Buffer).toString('hex'), inner.get(2) !== 1);
    }
  }
}

function answered(isHad: boolean | undefined): { readonly isHad: boolean } | undefined {
  return isHad === undefined ? undefined : { isHad };
}

function* fieldsOf(bytes: Buffer): Generator<[number, Buffer | number]> {
  for (let at = 0; at < bytes.byteLength; ) {
    const key = readVarint(bytes, at);
    const value = readVarint(bytes, key?.end ?? 0);
    if (key === null || value === null) throw new Error('a message that ends too early');
    if ((key.value & 7) === 0) {
      yield [key.value >> 3, value.value];
      at = value.end;
    } else {
      at = value.end + value.value;
      yield [key.value >> 3, bytes.subarray(value.end, at)];
    }
  }
}

function readVarint(bytes: Buffer, from: number): { readonly value: number; readonly end: number } | null {
  let value = 0;
  for (let at = from; at < bytes.byteLength; at++) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * (at - from));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return null;
}
