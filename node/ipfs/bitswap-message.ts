/**
 * Messages of bitswap 1.2.0 (https://specs.ipfs.tech/bitswap-protocol/), as far as a server reads and writes them: wantlists in;
 * blocks, and what is had and what is not, out.
 */
import { type Reader, reader, type Writer, writer } from 'protons-runtime';
import { CodedError } from '../../protocols/common/errors.ts';
import { MESSAGE_WANTS_MAX } from './limits.ts';

export const BITSWAP_PROTOCOL = '/ipfs/bitswap/1.2.0';

/** A peer's request for one block. */
export interface Want {
  /** As it came: any CID. */
  readonly cid: Uint8Array;
  /** It is not wanted any more. */
  readonly isCancelled: boolean;
  /** The block itself; otherwise whether it is had. */
  readonly isOfBlock: boolean;
  /** It shall be said when it is not had. */
  readonly tellsAbsence: boolean;
}

export interface Wantlist {
  /** All that is wanted, instead of what was before. */
  readonly isFull: boolean;
  readonly wants: readonly Want[];
}

export interface Presence {
  readonly cid: Uint8Array;
  readonly isHad: boolean;
}

/** A block behind the kind of its CID. */
export interface SentBlock {
  readonly cid: Uint8Array;
  readonly bytes: Uint8Array;
}

const WIRE_VARINT = 0;
const WIRE_BYTES = 2;
/** Groups, 3 and 4, nest: nobody sends them, and whoever does would have them skipped one in another. */
const SKIPPED_WIRES: ReadonlySet<number> = new Set([WIRE_VARINT, 1, WIRE_BYTES, 5]);

const MESSAGE_WANTLIST = 1;
const MESSAGE_BLOCK = 3;
const MESSAGE_PRESENCE = 4;
const WANTLIST_ENTRY = 1;
const WANTLIST_FULL = 2;
const ENTRY_CID = 1;
const ENTRY_CANCEL = 3;
const ENTRY_TYPE = 4;
const ENTRY_DONT_HAVE = 5;
const FIRST = 1;
const SECOND = 2;
const TYPE_BLOCK = 0;
const TYPE_HAVE = 1;
const DONT_HAVE = 1;

/** The longest CID that is looked at: with a digest of 64 bytes it has some 70. */
const CID_MAX_BYTES = 128;
/** Prefix of the CID of a block: version, codec, hash, length of the digest. */
const PREFIX_BYTES = 4;

/** Throws `bitswap_malformed`. The other fields of a message are ignored: this node asked nobody for anything. */
export function decodeWantlist(message: Uint8Array): Wantlist {
  const wants: Want[] = [];
  let isFull = false;
  try {
    eachField(reader(message), (field, wire, fields) => {
      if (field !== MESSAGE_WANTLIST) return false;
      eachField(nested(fields, wire), (inner, innerWire, list) => {
        if (inner === WANTLIST_FULL) isFull = readFlag(list, innerWire);
        else if (inner === WANTLIST_ENTRY) {
          if (wants.length >= MESSAGE_WANTS_MAX) throw new Error('it wants too much');
          wants.push(readWant(nested(list, innerWire)));
        } else return false;
        return true;
      });
      return true;
    });
  } catch (cause) {
    throw new CodedError('bitswap_malformed', 'the message is none of bitswap 1.2.0', undefined, { cause });
  }
  return { isFull, wants };
}

export function encodeAnswer(answer: {
  readonly block: SentBlock | null;
  readonly presences: readonly Presence[];
}): Uint8Array {
  const to = writer();
  const { block, presences } = answer;
  if (block !== null) {
    write(to, MESSAGE_BLOCK, () => {
      to.uint32(tag(FIRST, WIRE_BYTES)).bytes(block.cid.subarray(0, PREFIX_BYTES));
      to.uint32(tag(SECOND, WIRE_BYTES)).bytes(block.bytes);
    });
  }
  for (const { cid, isHad } of presences) {
    write(to, MESSAGE_PRESENCE, () => {
      to.uint32(tag(FIRST, WIRE_BYTES)).bytes(cid);
      if (!isHad) to.uint32(tag(SECOND, WIRE_VARINT)).int32(DONT_HAVE);
    });
  }
  return to.finish();
}

function write(to: Writer, field: number, content: () => void): void {
  to.uint32(tag(field, WIRE_BYTES)).fork();
  content();
  to.ldelim();
}

function readWant(fields: Reader): Want {
  let cid: Uint8Array | null = null;
  let isCancelled = false;
  let type = TYPE_BLOCK;
  let tellsAbsence = false;
  eachField(fields, (field, wire, from) => {
    if (field === ENTRY_CID) cid = readBytes(from, wire);
    else if (field === ENTRY_CANCEL) isCancelled = readFlag(from, wire);
    else if (field === ENTRY_TYPE) type = readVarint(from, wire);
    else if (field === ENTRY_DONT_HAVE) tellsAbsence = readFlag(from, wire);
    else return false;
    return true;
  });
  cid = cid as Uint8Array | null;
  if (cid === null || cid.byteLength < PREFIX_BYTES || cid.byteLength > CID_MAX_BYTES) {
    throw new Error('it wants what is no CID');
  }
  if (type !== TYPE_BLOCK && type !== TYPE_HAVE) throw new Error('it wants something of no known type');
  // the frame must not stay as long as what it wants does
  return { cid: cid.slice(), isCancelled, isOfBlock: type === TYPE_BLOCK, tellsAbsence };
}

/** Hands over one field after another; those that `take` returns false for are skipped. */
function eachField(from: Reader, take: (field: number, wire: number, from: Reader) => boolean): void {
  while (from.pos < from.len) {
    const key = from.uint32();
    const wire = key & 7;
    if (take(key >>> 3, wire, from)) continue;
    if (!SKIPPED_WIRES.has(wire)) throw new Error('a group');
    from.skipType(wire);
  }
  if (from.pos > from.len) throw new Error('it ends too early');
}

function nested(from: Reader, wire: number): Reader {
  return reader(readBytes(from, wire));
}

function readBytes(from: Reader, wire: number): Uint8Array {
  if (wire !== WIRE_BYTES) throw new Error('no bytes where there should be');
  return from.bytes();
}

function readVarint(from: Reader, wire: number): number {
  if (wire !== WIRE_VARINT) throw new Error('no number where there should be');
  return from.int32();
}

function readFlag(from: Reader, wire: number): boolean {
  return readVarint(from, wire) !== 0;
}

function tag(field: number, wire: number): number {
  return (field << 3) | wire;
}
