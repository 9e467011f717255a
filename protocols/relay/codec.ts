import { base32 } from 'multiformats/bases/base32';
import { bytesKey, concatBytes } from '../common/bytes.ts';
import type { Crypto } from '../common/crypto.ts';
import { SignedForm } from '../common/signed-form.ts';
import { ENVELOPE_BODY_ITEMS, ENVELOPE_DOMAIN, ENVELOPE_MAX_BYTES, ENVELOPE_VERSION } from './constants.ts';
import type { Envelope, SignedEnvelope } from './envelope.ts';
import { RelayError } from './errors.ts';
import { checkEnvelope } from './validate.ts';

/** CIDv1, dag-cbor, sha2-256, 32 bytes. */
const CID_PREFIX = Uint8Array.of(0x01, 0x71, 0x12, 0x20);

const form = new SignedForm({
  noun: 'envelope',
  version: ENVELOPE_VERSION,
  domain: ENVELOPE_DOMAIN,
  items: ENVELOPE_BODY_ITEMS,
  maxBytes: ENVELOPE_MAX_BYTES,
  fail: (fault, message) => new RelayError(`envelope_${fault}`, message),
});

/** The body: everything but the signature, canonical DAG-CBOR. The CID covers these bytes. */
export function encodeBody(envelope: Envelope): Uint8Array {
  return form.encodeBody([
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
  return form.encode(body, signature);
}

/** Bytes the author signs: DAG-CBOR `["maillon/envelope/1", swarm, digest of the body]`. */
export function signingBytes(swarm: string, digest: Uint8Array): Uint8Array {
  return form.signingBytes(swarm, digest);
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
export function decodeEnvelope(bytes: Uint8Array, crypto: Pick<Crypto, 'sha256'>): SignedEnvelope {
  const { fields, signature } = form.decode(bytes);
  const [owner, namespace, topic, author, epoch, sequence, time, expiry, messages, chain, ext] = fields;
  const envelope = { owner, namespace, topic, author, epoch, sequence, time, expiry, messages, chain, ext };
  checkEnvelope(envelope);
  checkSignature(signature);
  const body = encodeBody(envelope);
  form.checkCanonical(bytes, body);
  return { ...envelope, digest: crypto.sha256(body), signature, bytes };
}

const checkSignature: (signature: unknown) => asserts signature is Uint8Array = (signature) =>
  form.checkSignatureField(signature);
