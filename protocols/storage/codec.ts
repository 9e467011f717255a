import { hasFewItems } from '../common/cbor-bounds.ts';
import type { Crypto } from '../common/crypto.ts';
import { SignedForm } from '../common/signed-form.ts';
import {
  RECORD_BODY_ITEMS,
  RECORD_DOMAIN,
  RECORD_ITEMS_MAX,
  RECORD_MAX_BYTES,
  RECORD_VERSION,
} from './constants.ts';
import { StorageError } from './errors.ts';
import type { RecordBody, SignedRecord } from './record.ts';
import { checkRecord } from './validate.ts';

const form = new SignedForm({
  noun: 'record',
  version: RECORD_VERSION,
  domain: RECORD_DOMAIN,
  items: RECORD_BODY_ITEMS,
  maxBytes: RECORD_MAX_BYTES,
  fail: (fault, message) => new StorageError(`record_${fault}`, message),
});

/** The body: everything but the signature, canonical DAG-CBOR. The CID covers these bytes. */
export function encodeBody(record: RecordBody): Uint8Array {
  return form.encodeBody([
    record.owner,
    record.namespace,
    record.key,
    record.author,
    record.ms,
    record.counter,
    record.time,
    record.expiry,
    record.kind,
    record.contentType,
    record.value,
    record.chain,
    record.ext,
  ]);
}

/** The wire form of a body and its signature: the same items, the signature as the fifteenth. */
export function encodeRecord(body: Uint8Array, signature: Uint8Array): Uint8Array {
  return form.encode(body, signature);
}

/** Bytes the author signs: DAG-CBOR `["maillon/record/1", swarm, digest of the body]`. */
export function signingBytes(swarm: string, digest: Uint8Array): Uint8Array {
  return form.signingBytes(swarm, digest);
}

/**
 * Reads and checks the wire form; the signature is not verified here. Byte strings may be views of `bytes`.
 * Throws `StorageError`: too large, malformed, not canonical, an unknown version or kind, a field out of bounds.
 */
export function decodeRecord(bytes: Uint8Array, crypto: Pick<Crypto, 'sha256'>): SignedRecord {
  form.checkHead(bytes);
  if (!hasFewItems(bytes, RECORD_ITEMS_MAX)) {
    throw new StorageError(
      'record_malformed',
      `record must be at most ${RECORD_ITEMS_MAX} items of DAG-CBOR`,
    );
  }
  const { fields, signature } = form.decode(bytes);
  const [owner, namespace, key, author, ms, counter, time, expiry, kind, contentType, value, chain, ext] =
    fields;
  const names = { owner, namespace, key, author, ms, counter, time, expiry };
  const record = { ...names, kind, contentType, value, chain, ext };
  checkRecord(record);
  checkSignature(signature);
  const body = encodeBody(record);
  form.checkCanonical(bytes, body);
  return { ...record, digest: crypto.sha256(body), signature, bytes };
}

const checkSignature: (signature: unknown) => asserts signature is Uint8Array = (signature) =>
  form.checkSignatureField(signature);
