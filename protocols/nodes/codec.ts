import * as dagCbor from '@ipld/dag-cbor';
import type { Crypto } from '../common/crypto.ts';
import { FieldChecks } from '../common/fields.ts';
import { SignedForm } from '../common/signed-form.ts';
import { decodeFrameItems } from '../common/versioned-frame.ts';
import type { NodeAnnouncement, Page, PageRequest, SignedAnnouncement } from './announcement.ts';
import {
  ANNOUNCEMENT_BODY_ITEMS,
  ANNOUNCEMENT_DOMAIN,
  ANNOUNCEMENT_MAX_BYTES,
  ANNOUNCEMENT_VERSION,
  FRAME_VERSION,
  KEY_BYTES,
  PAGE_ITEMS_MAX,
  PAGE_MAX_BYTES,
  REQUEST_MAX_BYTES,
} from './constants.ts';
import { NodesError } from './errors.ts';
import { checkAnnouncement } from './validate.ts';

const form = new SignedForm({
  noun: 'announcement',
  version: ANNOUNCEMENT_VERSION,
  domain: ANNOUNCEMENT_DOMAIN,
  items: ANNOUNCEMENT_BODY_ITEMS,
  maxBytes: ANNOUNCEMENT_MAX_BYTES,
  fail: (fault, message) => new NodesError(`announcement_${fault}`, message),
});

/** The body: everything but the signature, canonical DAG-CBOR. */
export function encodeBody(announcement: NodeAnnouncement): Uint8Array {
  return form.encodeBody([
    announcement.author,
    announcement.time,
    announcement.expiry,
    announcement.role,
    announcement.addresses,
    announcement.software,
    announcement.generation,
    announcement.shards,
    announcement.storageBytes,
    announcement.connections,
    announcement.operator,
    announcement.chain,
    announcement.isReady,
    announcement.ext,
  ]);
}

/** The wire form of a body and its signature: the same items, the signature behind them. */
export function encodeAnnouncement(body: Uint8Array, signature: Uint8Array): Uint8Array {
  return form.encode(body, signature);
}

/** Bytes the node signs: DAG-CBOR `["maillon/node-announcement/2", swarm, digest of the body]`. */
export function signingBytes(swarm: string, digest: Uint8Array): Uint8Array {
  return form.signingBytes(swarm, digest);
}

/**
 * Reads and checks the wire form; the signature is not verified here. Byte strings are views of `bytes`.
 * Throws `NodesError`: too large, malformed, not canonical, an unknown version, a field out of bounds.
 */
export function decodeAnnouncement(bytes: Uint8Array, crypto: Crypto): SignedAnnouncement {
  const { fields, signature } = form.decode(bytes);
  const [
    author,
    time,
    expiry,
    role,
    addresses,
    software,
    generation,
    shards,
    storageBytes,
    connections,
    operator,
    chain,
    isReady,
    ext,
  ] = fields;
  const unchecked = { author, time, expiry, role, addresses, software, generation, shards };
  const announcement = { ...unchecked, storageBytes, connections, operator, chain, isReady, ext };
  checkAnnouncement(announcement);
  checkSignature(signature);
  const body = encodeBody(announcement);
  form.checkCanonical(bytes, body);
  return { ...announcement, digest: crypto.sha256(body), signature, bytes };
}

const checkSignature: (signature: unknown) => asserts signature is Uint8Array = (signature) =>
  form.checkSignatureField(signature);

const malformed = (message: string): NodesError => new NodesError('frame_malformed', message);
const check = new FieldChecks(malformed);
const REQUEST_ITEMS = 3;
const PAGE_ITEMS = 4;
/** Bytes of an answer besides its announcements: heads, the next key, an error's code. */
/** Items of CBOR in a frame: a page of announcements, and what stands beside them. */
const FRAME_ITEMS_MAX = PAGE_ITEMS_MAX + 8;
const PAGE_OVERHEAD_BYTES = 128;
/** Head of a byte string of up to 65 535 bytes. */
const ITEM_HEAD_BYTES = 3;
const ERROR_CODE = /^[a-z_]{0,64}$/;

/** A question: DAG-CBOR `[1, cursor, limit]`. */
export function encodeRequest({ cursor, limit }: PageRequest): Uint8Array {
  return dagCbor.encode([FRAME_VERSION, cursor, limit]);
}

/** Reads a question. Throws `NodesError` `frame_malformed` or `frame_version`. */
export function decodeRequest(bytes: Uint8Array): PageRequest {
  const [cursor, limit] = decodeFrame(bytes, REQUEST_MAX_BYTES, REQUEST_ITEMS);
  return { cursor: key('cursor', cursor), limit: check.integer('limit', limit, 1) };
}

/** An answer: DAG-CBOR `[1, announcements, next, error]`. */
export function encodePage({ announcements, next, error }: Page): Uint8Array {
  return dagCbor.encode([FRAME_VERSION, announcements, next, error]);
}

/** Reads an answer; the announcements in it are not looked at. Throws as `decodeRequest`. */
export function decodePage(bytes: Uint8Array): Page {
  const [list, next, error] = decodeFrame(bytes, PAGE_MAX_BYTES, PAGE_ITEMS);
  const announcements = check
    .array('announcements', list, PAGE_ITEMS_MAX)
    .map((item) => check.bytes('announcement', item, ANNOUNCEMENT_MAX_BYTES, 1));
  const code = check.text('error', error);
  if (!ERROR_CODE.test(code)) throw malformed('error must be a code');
  return { announcements, next: key('next', next), error: code };
}

/** How many of `announcements`, from the first, fit into one answer. */
export function fitsPage(announcements: readonly Uint8Array[], limit: number): number {
  let bytes = PAGE_OVERHEAD_BYTES;
  let count = 0;
  for (const announcement of announcements) {
    bytes += announcement.byteLength + ITEM_HEAD_BYTES;
    if (bytes > PAGE_MAX_BYTES || count >= Math.min(limit, PAGE_ITEMS_MAX)) break;
    count += 1;
  }
  return count;
}

function key(name: string, value: unknown): Uint8Array {
  const bytes = check.bytes(name, value, KEY_BYTES, 0);
  if (bytes.byteLength !== 0 && bytes.byteLength !== KEY_BYTES) {
    throw malformed(`${name} must be empty or ${KEY_BYTES} bytes`);
  }
  return bytes;
}

/** The items of a frame behind its version. */
function decodeFrame(bytes: Uint8Array, maxBytes: number, count: number): unknown[] {
  const items = decodeFrameItems(bytes, {
    noun: 'frame',
    maxBytes,
    maxItems: FRAME_ITEMS_MAX,
    malformed,
    checkVersion: (version) => {
      if (version === FRAME_VERSION) return;
      throw new NodesError('frame_version', `frame version ${version} is not known here`);
    },
  });
  if (items.length !== count - 1) throw malformed(`frame must be an array of ${count} items`);
  return items;
}
