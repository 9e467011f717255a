import * as dagCbor from '@ipld/dag-cbor';
import { utf8Length } from './bytes.ts';
import type { Crypto } from './crypto.ts';
import { CodedError } from './errors.ts';

/** A swarm's name: every signature is made for one swarm and holds in no other. */
export const SWARM_PATTERN = /^[a-z0-9-]{1,64}$/;
export const NAMESPACE_PATTERN = /^[a-z0-9-]{1,64}$/;
/** Limit of the pattern above. */
export const NAMESPACE_MAX_BYTES = 64;
/** Long enough for paths and identifiers, short enough to be repeated in every envelope. */
export const TOPIC_MAX_BYTES = 256;
/** did:pkh of the longest chain names stays far below. */
export const OWNER_MAX_BYTES = 256;
/** Version of the namespace genesis, the first item of what is hashed. */
const GENESIS_VERSION = 1;

/** Control characters have no place in a name that logs, headers and terminals show. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;
/** Text decoders drop it at the beginning: two names would become one. */
const BYTE_ORDER_MARK = '\ufeff';

function isCleanText(text: string): boolean {
  return text.isWellFormed() && !CONTROL.test(text) && !text.startsWith(BYTE_ORDER_MARK);
}

export class NameError extends CodedError {}

export function checkSwarm(swarm: string): void {
  if (!SWARM_PATTERN.test(swarm)) throw new NameError('bad_swarm', 'swarm must match [a-z0-9-]{1,64}');
}

export function checkNamespace(namespace: string): void {
  if (!NAMESPACE_PATTERN.test(namespace)) {
    throw new NameError('bad_namespace', 'namespace must match [a-z0-9-]{1,64}');
  }
}

export function checkTopic(topic: string): void {
  const length = topic.length > TOPIC_MAX_BYTES ? topic.length : utf8Length(topic);
  if (length < 1 || length > TOPIC_MAX_BYTES || !isCleanText(topic)) {
    throw new NameError(
      'bad_topic',
      `topic must be 1 to ${TOPIC_MAX_BYTES} bytes of UTF-8 without control characters`,
    );
  }
}

export function checkOwner(owner: string): void {
  const length = owner.length > OWNER_MAX_BYTES ? owner.length : utf8Length(owner);
  if (length < 1 || length > OWNER_MAX_BYTES || !isCleanText(owner)) {
    throw new NameError('bad_owner', `owner must be a DID of 1 to ${OWNER_MAX_BYTES} bytes`);
  }
}

/** Splits `name` or `name@owner`; `owner` is whose the first form means. Throws `bad_namespace`, `bad_owner`. */
export function parseNamespace(text: string, owner: string): { owner: string; namespace: string } {
  const at = text.indexOf('@');
  const namespace = at < 0 ? text : text.slice(0, at);
  checkNamespace(namespace);
  if (at < 0) return { owner, namespace };
  const named = text.slice(at + 1);
  checkOwner(named);
  if (!named.startsWith('did:')) throw new NameError('bad_owner', 'owner must be a DID: name@did:…');
  return { owner: named, namespace };
}

/** The shortest text that `parseNamespace` reads as this namespace. */
export function formatNamespace(
  { owner, namespace }: { readonly owner: string; readonly namespace: string },
  own: string,
): string {
  return owner === own ? namespace : `${namespace}@${owner}`;
}

/**
 * Namespace id, 32 bytes: SHA-256 of DAG-CBOR `[1, swarm, owner, name]`. Unique without a registrar, since
 * the owner is part of it.
 */
export function namespaceId(
  crypto: Pick<Crypto, 'sha256'>,
  swarm: string,
  owner: string,
  name: string,
): Uint8Array {
  return crypto.sha256(dagCbor.encode([GENESIS_VERSION, swarm, owner, name]));
}
