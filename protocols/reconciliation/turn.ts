import { bytesKey, equalBytes } from '../common/bytes.ts';
import {
  encodeVarint,
  MessageWriter,
  MODE_FINGERPRINT,
  MODE_IDS,
  MODE_SKIP,
  type Range,
  varintLength,
} from './codec.ts';
import {
  BUCKETS,
  COMPARED_MAX,
  COMPARED_RANGE_MAX,
  FINGERPRINT_BYTES,
  ID_BYTES,
  TAIL_MAX_BYTES,
} from './constants.ts';
import { type Bound, boundBetween, END, START } from './item.ts';
import type { ReconcileSet } from './ordered-set.ts';

/** Differences between the two sides. */
export interface Differences {
  /** Ids that only this side has. */
  readonly have: Uint8Array[];
  /** Ids that only the other side has. */
  readonly need: Uint8Array[];
}

export interface TurnInit {
  /** Bytes of the message. */
  readonly maxBytes: number;
  /** Items of a range that is told as a list of ids, where fingerprints differ. */
  readonly listMax: number;
  /** Items that a part of a range should have at least, where it is split. */
  readonly partItems: number;
}

/** Some own items: from the one of this rank up to, and not with, the one of that. */
interface Own {
  readonly from: number;
  readonly to: number;
}

/** Makes one message from what is held of the ranges of another. */
export class Turn {
  readonly #set: ReconcileSet;
  readonly #init: TurnInit;
  readonly #writer: MessageWriter;
  /** Where the ranges that were dealt with end, and the rank of it where that is known. */
  #lower: Bound = START;
  #rank: number | null = 0;
  /** Nothing was written about what lies below that yet. */
  #isSkipping = false;
  /** Items that may still be compared. */
  #compared = COMPARED_MAX;

  constructor(set: ReconcileSet, init: TurnInit) {
    this.#set = set;
    this.#init = init;
    this.#writer = new MessageWriter(init.maxBytes);
  }

  /** The first message: what all items come to. */
  open(): Uint8Array {
    const { size } = this.#set;
    if (size === 0) this.#list({ from: 0, to: 0 }, END);
    else this.#fingerprint({ from: 0, to: size }, END);
    return this.#writer.finish();
  }

  /** The message of the side that was asked. */
  answer(ranges: readonly Range[]): Uint8Array {
    for (const range of ranges) {
      if (range.mode === MODE_SKIP) this.#skip(range.upper, null);
      else {
        const own = this.#own(range.upper);
        const goesOn = range.mode === MODE_IDS ? this.#list(own, range.upper) : this.#compare(range, own);
        if (!goesOn) break;
      }
    }
    return this.#writer.finish();
  }

  /** The message of the side that asks; null when nothing is left to ask. */
  ask(ranges: readonly Range[], differences: Differences): Uint8Array | null {
    for (const range of ranges) {
      if (range.mode === MODE_SKIP) this.#skip(range.upper, null);
      else {
        const own = this.#own(range.upper);
        const goesOn =
          range.mode === MODE_IDS ? this.#sort(range, own, differences) : this.#compare(range, own);
        if (!goesOn) break;
      }
    }
    return this.#writer.isEmpty ? null : this.#writer.finish();
  }

  /** The own items up to a bound. */
  #own(upper: Bound): Own {
    const from = this.#rank ?? this.#set.rankOf(this.#lower);
    return { from, to: Math.max(from, this.#rankOf(upper)) };
  }

  #rankOf(bound: Bound): number {
    return bound.timestamp === Number.POSITIVE_INFINITY ? this.#set.size : this.#set.rankOf(bound);
  }

  #skip(upper: Bound, rank: number | null): true {
    this.#isSkipping = true;
    this.#lower = upper;
    this.#rank = rank;
    return true;
  }

  /** False when the message is full. */
  #compare({ fingerprint, upper }: Extract<Range, { mode: typeof MODE_FINGERPRINT }>, own: Own): boolean {
    if (equalBytes(this.#set.fingerprint(own.from, own.to), fingerprint)) return this.#skip(upper, own.to);
    return own.to - own.from <= this.#init.listMax ? this.#list(own, upper) : this.#split(own, upper);
  }

  /** A single item stays one part: the side that is asked has more there, and splits or tells. */

  #split({ from, to }: Own, upper: Bound): boolean {
    const count = to - from;
    const wanted = Math.max(2, Math.min(BUCKETS, Math.ceil(count / this.#init.partItems)));
    const parts = Math.min(count, wanted);
    let first = from;
    for (let part = 1; part <= parts; part++) {
      const end = from + Math.floor((count * part) / parts);
      const bound = part === parts ? upper : this.#boundAt(end);
      if (!this.#fingerprint({ from: first, to: end }, bound)) return false;
      first = end;
    }
    return true;
  }

  /** Bound between the item of this rank and the one before it. */
  #boundAt(rank: number): Bound {
    return boundBetween(this.#set.itemAt(rank - 1), this.#set.itemAt(rank));
  }

  #fingerprint({ from, to }: Own, upper: Bound): boolean {
    if (!this.#fits(upper, FINGERPRINT_BYTES)) return this.#end();
    return this.#write(upper, to, MODE_FINGERPRINT, this.#set.fingerprint(from, to));
  }

  /** Tells as many ids as there is room for. */
  #list({ from, to }: Own, upper: Bound): boolean {
    const count = Math.min(to - from, this.#idsThatFit(upper));
    if (count < to - from && count === 0) return this.#end();
    const end = from + count;
    const bound = end === to ? upper : this.#boundAt(end);
    const ids = new Uint8Array(count * ID_BYTES);
    let at = 0;
    for (const { id } of this.#set.items(from, end)) {
      ids.set(id, at);
      at += ID_BYTES;
    }
    if (!this.#fits(bound, varintLength(count) + ids.byteLength)) return this.#end();
    this.#write(bound, end, MODE_IDS, encodeVarint(count), ids);
    return end === to || this.#end();
  }

  #idsThatFit(upper: Bound): number {
    const head = this.#sizeOf(upper) + ID_BYTES + varintLength(this.#writer.room);
    return Math.max(0, Math.floor((this.#writer.room - TAIL_MAX_BYTES - head) / ID_BYTES));
  }

  /** Finds out which ids of a list are not held, and which items are not in it. */
  #sort(
    { ids, upper }: Extract<Range, { mode: typeof MODE_IDS }>,
    own: Own,
    { have, need }: Differences,
  ): boolean {
    const count = own.to - own.from;
    // more than are compared at once are looked at in parts; what is left is for the next message
    if (count > COMPARED_RANGE_MAX) return this.#split(own, upper);
    if (count > this.#compared) return this.#end();
    this.#compared -= count;
    const theirs = new Map<string, Uint8Array>();
    for (let at = 0; at < ids.byteLength; at += ID_BYTES) {
      const id = ids.slice(at, at + ID_BYTES);
      theirs.set(bytesKey(id), id);
    }
    for (const { id } of this.#set.items(own.from, own.to)) if (!theirs.delete(bytesKey(id))) have.push(id);
    need.push(...theirs.values());
    return this.#skip(upper, own.to);
  }

  /** Bytes of a range without what follows its mode, and of what has to be said before it. */
  #sizeOf(upper: Bound): number {
    const skipped = this.#isSkipping ? this.#writer.sizeOf(this.#lower) + 1 : 0;
    return skipped + this.#writer.sizeOf(upper) + 1;
  }

  #fits(upper: Bound, payloadBytes: number): boolean {
    return this.#sizeOf(upper) + payloadBytes + TAIL_MAX_BYTES <= this.#writer.room;
  }

  #write(upper: Bound, rank: number, mode: number, ...payload: readonly Uint8Array[]): true {
    if (this.#isSkipping) this.#writer.write(this.#lower, MODE_SKIP);
    this.#isSkipping = false;
    this.#writer.write(upper, mode, ...payload);
    this.#lower = upper;
    this.#rank = rank;
    return true;
  }

  /** Leaves the rest for the next message. */
  #end(): false {
    const { size } = this.#set;
    const from = this.#rank ?? this.#set.rankOf(this.#lower);
    this.#write(END, size, MODE_FINGERPRINT, this.#set.fingerprint(from, size));
    return false;
  }
}
