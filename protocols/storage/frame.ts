import * as dagCbor from '@ipld/dag-cbor';
import { readCborHead } from '../common/cbor-bounds.ts';
import { FieldChecks } from '../common/fields.ts';
import { decodeFrameItems } from '../common/versioned-frame.ts';
import {
  COUNTER_MAX,
  DIGEST_BYTES,
  FRAME_ID_MAX,
  FRAME_MAX_BYTES,
  FRAME_VERSION,
  NAMESPACE_ID_BYTES,
  PARTITIONS,
} from './constants.ts';
import { StorageError } from './errors.ts';
import { checkKey } from './keys.ts';
import type { PartitionId, Stamp } from './record.ts';

export const malformed = (message: string): StorageError => new StorageError('frame_malformed', message);
export const check = new FieldChecks(malformed);

const UINT = 0;
const ARRAY = 4;
/** Version, id, and the type of a request or the outcome of an answer. */
const HEAD_ITEMS = 3;
/** Arrays of up to so many items have a head of one byte; every frame is one. */
const SMALL_MAX = 23;

export interface FrameHead {
  /** Which request it is, or answers. */
  readonly id: number;
  /** Type of a request, outcome of an answer. */
  readonly tag: number;
}

/**
 * Reads the head of a frame: enough to answer it, or to find the request it answers. Throws `StorageError` `frame_too_large`,
 * `frame_malformed`, `frame_version`: the stream that it came on is of no more use.
 */
export function readFrameHead(bytes: Uint8Array): FrameHead {
  if (bytes.byteLength > FRAME_MAX_BYTES) throw tooLarge(FRAME_MAX_BYTES);
  const list = readCborHead(bytes, 0);
  if (list?.major !== ARRAY || list.argument < HEAD_ITEMS || list.argument > SMALL_MAX) {
    throw malformed(`frame must be an array of ${HEAD_ITEMS} to ${SMALL_MAX} items`);
  }
  const version = readUint(bytes, list.end);
  checkVersion(version.value);
  const id = readUint(bytes, version.end);
  if (id.value > FRAME_ID_MAX) throw malformed(`id must be at most ${FRAME_ID_MAX}`);
  return { id: id.value, tag: readUint(bytes, id.end).value };
}

function readUint(bytes: Uint8Array, at: number): { value: number; end: number } {
  const head = readCborHead(bytes, at);
  if (head?.major !== UINT) throw malformed('frame must begin with its version, an id and a type');
  return { value: head.argument, end: head.end };
}

export interface FrameBounds {
  readonly maxBytes: number;
  /** All items of CBOR in it. */
  readonly maxItems: number;
}

/** The items of a frame behind its head, whose version is known. Its size and the number of its items are checked before it is decoded. */
export function decodeFrame(bytes: Uint8Array, bounds: FrameBounds, count: number): unknown[] {
  if (bytes.byteLength > bounds.maxBytes) throw tooLarge(bounds.maxBytes);
  const items = decodeFrameItems(bytes, { ...bounds, noun: 'frame', malformed, checkVersion });
  if (items.length !== HEAD_ITEMS - 1 + count) {
    throw malformed(`frame must be an array of ${HEAD_ITEMS + count} items`);
  }
  return items.slice(HEAD_ITEMS - 1);
}

function checkVersion(version: number): void {
  if (version !== FRAME_VERSION) {
    throw new StorageError('frame_version', `frame version ${version} is not known here`);
  }
}

export function encodeFrame(id: number, tag: number, items: readonly unknown[]): Uint8Array {
  return dagCbor.encode([FRAME_VERSION, id, tag, ...items]);
}

function tooLarge(maxBytes: number): StorageError {
  return new StorageError('frame_too_large', `frame exceeds ${maxBytes} bytes`);
}

export function readKey(key: unknown, name = 'key'): string {
  const text = check.text(name, key);
  check.named(() => checkKey(text));
  return text;
}

export function readBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw malformed(`${name} must be true or false`);
  return value;
}

export function readPartition(namespaceId: unknown, partition: unknown): PartitionId {
  return {
    namespaceId: check.bytes('namespace id', namespaceId, NAMESPACE_ID_BYTES),
    partition: check.integer('partition', partition, 0, PARTITIONS - 1),
  };
}

export function stampItems({ ms, counter, digest }: Stamp): unknown[] {
  return [ms, counter, digest];
}

export function readStamp(ms: unknown, counter: unknown, digest: unknown): Stamp {
  return {
    ms: check.integer('ms', ms, 0),
    counter: check.integer('counter', counter, 0, COUNTER_MAX),
    digest: check.bytes('digest', digest, DIGEST_BYTES),
  };
}

/** A list of a fixed number of items. */
export function readTuple(name: string, value: unknown, count: number): unknown[] {
  const items = check.array(name, value, count);
  if (items.length !== count) throw malformed(`${name} must hold ${count}`);
  return items;
}

/** Null: it does not expire. */
export function readExpiry(value: unknown): number | null {
  return value === null ? null : check.integer('expiry', value, 0);
}

export function readStampList(name: string, value: unknown): Stamp {
  const [ms, counter, digest] = readTuple(name, value, 3);
  return readStamp(ms, counter, digest);
}
