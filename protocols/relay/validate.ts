import * as dagCbor from '@ipld/dag-cbor';
import { decodeMultikey } from '../common/did-key.ts';
import { CodedError } from '../common/errors.ts';
import { checkNamespace, checkOwner, checkTopic } from '../common/names.ts';
import {
  AUTHOR_BYTES,
  CHAIN_LINK_MAX_BYTES,
  CHAIN_MAX_BYTES,
  CHAIN_MAX_LINKS,
  CLOCK_GRACE_MS,
  CLOCK_SKEW_MS,
  ENVELOPE_MAX_MESSAGES,
  EXT_MAX_BYTES,
  EXT_MAX_DEPTH,
  MESSAGE_MAX_BYTES,
} from './constants.ts';
import type { Envelope } from './envelope.ts';
import { RelayError } from './errors.ts';

/** The fields as they come from a decoder: nothing is known of them yet. */
export type UncheckedEnvelope = { readonly [Field in keyof Envelope]: unknown };

/** Checks every field of an envelope and names the one that is wrong. Throws `RelayError` `envelope_field`. */
export function checkEnvelope(envelope: UncheckedEnvelope): asserts envelope is Envelope {
  named(() => checkOwner(text('owner', envelope.owner)));
  named(() => checkNamespace(text('namespace', envelope.namespace)));
  named(() => checkTopic(text('topic', envelope.topic)));
  named(() => decodeMultikey(bytes('author', envelope.author, AUTHOR_BYTES)));
  integer('epoch', envelope.epoch, 0);
  integer('sequence', envelope.sequence, 1);
  const time = integer('time', envelope.time, 0);
  if (envelope.expiry !== null && integer('expiry', envelope.expiry, 0) <= time) {
    throw field('expiry must be later than time');
  }
  checkMessages(envelope.messages);
  checkChain(envelope.chain);
  checkExt(envelope.ext);
  if (Number(envelope.sequence) + (envelope.messages as unknown[]).length > Number.MAX_SAFE_INTEGER) {
    throw field('sequence leaves no room for the messages');
  }
}

/** Throws `envelope_clock` or `envelope_expired` for an envelope that may not be accepted at `now`. */
export function checkTime(envelope: Pick<Envelope, 'time' | 'expiry'>, now: number): void {
  const off = Math.abs(envelope.time - now);
  if (off > CLOCK_SKEW_MS) {
    const message = `time is more than ${CLOCK_SKEW_MS} ms from this node's clock`;
    throw new RelayError('envelope_clock', message, off <= CLOCK_SKEW_MS + CLOCK_GRACE_MS);
  }
  if (envelope.expiry !== null && envelope.expiry <= now) {
    throw new RelayError('envelope_expired', 'envelope has expired', now - envelope.expiry <= CLOCK_GRACE_MS);
  }
}

function checkMessages(messages: unknown): void {
  const list = array('messages', messages, ENVELOPE_MAX_MESSAGES);
  if (list.length === 0) throw field('messages must hold at least one');
  let total = 0;
  for (const message of list) total += bytes('message', message, MESSAGE_MAX_BYTES, 0).byteLength;
  if (total > MESSAGE_MAX_BYTES) throw field(`messages exceed ${MESSAGE_MAX_BYTES} bytes together`);
}

function checkChain(chain: unknown): void {
  let total = 0;
  for (const link of array('chain', chain, CHAIN_MAX_LINKS)) {
    total += bytes('chain link', link, CHAIN_LINK_MAX_BYTES, 1).byteLength;
  }
  if (total > CHAIN_MAX_BYTES) throw field(`chain exceeds ${CHAIN_MAX_BYTES} bytes`);
}

function checkExt(ext: unknown): void {
  if (!isPlainObject(ext)) throw field('ext must be a map');
  checkExtValue(ext, EXT_MAX_DEPTH);
  if (Object.keys(ext).length > 0 && dagCbor.encode(ext).byteLength > EXT_MAX_BYTES) {
    throw field(`ext exceeds ${EXT_MAX_BYTES} bytes`);
  }
}

function checkExtValue(value: unknown, depth: number): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (value instanceof Uint8Array || Number.isSafeInteger(value)) return;
  if (depth === 0) throw field(`ext is nested deeper than ${EXT_MAX_DEPTH}`);
  if (!Array.isArray(value) && !isPlainObject(value)) {
    throw field('ext may hold text, bytes, integers below 2^53, booleans, null, lists and maps');
  }
  // IPLD keeps this key for links: libraries take a map that has it for one
  if (Object.hasOwn(value, '/')) throw field('ext may not have the key /');
  for (const item of Array.isArray(value) ? value : Object.values(value)) checkExtValue(item, depth - 1);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function text(name: string, value: unknown): string {
  if (typeof value !== 'string') throw field(`${name} must be text`);
  return value;
}

function bytes(name: string, value: unknown, max: number, min = max): Uint8Array {
  if (!(value instanceof Uint8Array) || value.byteLength < min || value.byteLength > max) {
    throw field(`${name} must be ${min === max ? max : `${min} to ${max}`} bytes`);
  }
  return value;
}

function integer(name: string, value: unknown, min: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min) {
    throw field(`${name} must be an integer from ${min} to 2^53 - 1`);
  }
  return value;
}

function array(name: string, value: unknown, max: number): unknown[] {
  if (!Array.isArray(value)) throw field(`${name} must be a list`);
  if (value.length > max) throw field(`${name} must hold at most ${max}`);
  return value;
}

function named(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof CodedError && !(error instanceof RelayError)) throw field(error.message);
    throw error;
  }
}

function field(message: string): RelayError {
  return new RelayError('envelope_field', message);
}
