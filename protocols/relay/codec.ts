import * as dagCbor from '@ipld/dag-cbor';
import { base32 } from 'multiformats/bases/base32';
import { bytesKey, concatBytes, equalBytes } from '../common/bytes.ts';
import type { Crypto } from '../common/crypto.ts';
import { errorMessage } from '../common/errors.ts';
import { ENVELOPE_DOMAIN, ENVELOPE_MAX_BYTES, ENVELOPE_VERSION, SIGNATURE_BYTES } from './constants.ts';
import type { Envelope, SignedEnvelope } from './envelope.ts';
import { RelayError } from './errors.ts';
import { checkEnvelope } from './validate.ts';

/** An array of 12 items: the body. */
const BODY_HEAD = 0x8c;
/** An array of 13 items: the body's and the signature. */
const WIRE_HEAD = 0x8d;
const WIRE_ITEMS = 13;
/** A byte string of 64 bytes. */
const SIGNATURE_HEAD = Uint8Array.of(0x58, SIGNATURE_BYTES);
const TAIL_BYTES = SIGNATURE_HEAD.byteLength + SIGNATURE_BYTES;
/** CIDv1, dag-cbor, sha2-256, 32 bytes. */
const CID_PREFIX = Uint8Array.of(0x01, 0x71, 0x12, 0x20);

/** The body: everything but the signature, canonical DAG-CBOR. What the CID is over. */
export function encodeBody(envelope: Envelope): Uint8Array {
  return dagCbor.encode([
    ENVELOPE_VERSION,
    envelope.owner,
    envelope.namespace,
    envelope.topic,
    envelope.author,
    envelope.epoch,
    envelope.sequence,
    envelope.time,
    envelope.expiry,
    envelope.messages,
    envelope.chain,
    envelope.ext,
  ]);
}

/** The wire form of a body and its signature: the same items, the signature as the thirteenth. */
export function encodeEnvelope(body: Uint8Array, signature: Uint8Array): Uint8Array {
  const bytes = concatBytes(body, SIGNATURE_HEAD, signature);
  bytes[0] = WIRE_HEAD;
  return bytes;
}

/** What the author signs: DAG-CBOR `["maillon/envelope/1", swarm, digest of the body]`. */
export function signingBytes(swarm: string, digest: Uint8Array): Uint8Array {
  return dagCbor.encode([ENVELOPE_DOMAIN, swarm, digest]);
}

/** CIDv1 (dag-cbor, sha2-256) in base32. */
export function envelopeCid(digest: Uint8Array): string {
  return base32.encode(concatBytes(CID_PREFIX, digest));
}

/** Id of one message: the envelope's CID, a colon and the message's index. */
export function messageId(cid: string, index: number): string {
  return `${cid}:${index}`;
}

/** Map key of an envelope's id. */
export function digestKey(digest: Uint8Array): string {
  return bytesKey(digest);
}

/**
 * Reads and checks the wire form; the signature is not verified here. Byte strings are views of `bytes`.
 * Throws `RelayError`: too large, malformed, not canonical, an unknown version, a field out of bounds.
 */
export function decodeEnvelope(bytes: Uint8Array, crypto: Crypto): SignedEnvelope {
  if (bytes.byteLength > ENVELOPE_MAX_BYTES) {
    throw new RelayError('envelope_too_large', `envelope exceeds ${ENVELOPE_MAX_BYTES} bytes`);
  }
  checkVersion(bytes);
  const items = decodeItems(bytes);
  const [, owner, namespace, topic, author, epoch, sequence, time, expiry, messages, chain, ext, signature] =
    items;
  const envelope = { owner, namespace, topic, author, epoch, sequence, time, expiry, messages, chain, ext };
  checkEnvelope(envelope);
  if (!(signature instanceof Uint8Array) || signature.byteLength !== SIGNATURE_BYTES) {
    throw new RelayError('envelope_field', `signature must be ${SIGNATURE_BYTES} bytes`);
  }
  const body = encodeBody(envelope);
  if (!isWireFormOf(bytes, body)) {
    throw new RelayError('envelope_not_canonical', 'envelope is not canonical DAG-CBOR');
  }
  return { ...envelope, digest: crypto.sha256(body), signature, bytes };
}

/** An envelope of another version is told apart by its first bytes alone: the rest may have any shape. */
function checkVersion(bytes: Uint8Array): void {
  const head = bytes[0] ?? 0;
  const version = bytes[1] ?? 0xff;
  const isArrayWithSmallVersion = head >= 0x80 && head <= 0x97 && version <= 0x17;
  if (!isArrayWithSmallVersion) {
    throw new RelayError(
      'envelope_malformed',
      'envelope must be a DAG-CBOR array that starts with its version',
    );
  }
  if (version !== ENVELOPE_VERSION) {
    throw new RelayError('envelope_version', `envelope version ${version} is not known here`);
  }
}

function decodeItems(bytes: Uint8Array): unknown[] {
  let items: unknown;
  try {
    items = dagCbor.decode(bytes);
  } catch (error) {
    throw new RelayError('envelope_malformed', `envelope is not DAG-CBOR: ${errorMessage(error)}`);
  }
  if (!Array.isArray(items) || items.length !== WIRE_ITEMS) {
    throw new RelayError('envelope_malformed', `envelope must be an array of ${WIRE_ITEMS} items`);
  }
  return items;
}

function isWireFormOf(bytes: Uint8Array, body: Uint8Array): boolean {
  if (bytes.byteLength !== body.byteLength + TAIL_BYTES || body[0] !== BODY_HEAD) return false;
  const end = bytes.byteLength - TAIL_BYTES;
  const tail = bytes.subarray(end, end + SIGNATURE_HEAD.byteLength);
  return equalBytes(bytes.subarray(1, end), body.subarray(1)) && equalBytes(tail, SIGNATURE_HEAD);
}
