import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../common/chain.ts';
import { type DidKey, parseDid } from '../common/did.ts';
import { CodedError } from '../common/errors.ts';
import { FieldChecks } from '../common/fields.ts';
import { DELEGATION_NONCE_BYTES, RESOURCES_MAX } from './constants.ts';
import { IdentityError } from './errors.ts';
import type { Delegation, Link } from './link.ts';
import { type AskedResource, contains, grants, parseResource, type Resource } from './resource.ts';

const field = (message: string): IdentityError => new IdentityError('chain_field', message);
export const check = new FieldChecks(field);

/** The fields as they come from a decoder: nothing is known of them yet. */
export type UncheckedDelegation = { readonly [Field in keyof Delegation]: unknown };

export interface ReadDelegation {
  readonly delegation: Delegation;
  readonly issuer: DidKey;
  readonly audience: DidKey;
  readonly granted: readonly Resource[];
}

/** Checks every field of a delegation and names the one that is wrong. Throws `IdentityError` `chain_field`. */
export function readDelegation(unchecked: UncheckedDelegation): ReadDelegation {
  const issuer = check.text('issuer', unchecked.issuer);
  const audience = check.text('audience', unchecked.audience);
  const keys = { issuer: readKey('issuer', issuer), audience: readKey('audience', audience) };
  const resources = readResources(unchecked.resources);
  const notBefore = readTime('notBefore', unchecked.notBefore);
  const expiry = readTime('expiry', unchecked.expiry);
  checkWindow(notBefore, expiry);
  const time = check.integer('time', unchecked.time, 0);
  const nonce = check.bytes('nonce', unchecked.nonce, DELEGATION_NONCE_BYTES);
  check.ext(unchecked.ext);
  const ext = unchecked.ext as Delegation['ext'];
  const delegation = { issuer, audience, resources: resources.texts, notBefore, expiry, time, nonce, ext };
  return { delegation, ...keys, granted: resources.granted };
}

/** The key of a did:key. Throws `chain_field` for another DID. */
export function readKey(name: string, did: string): DidKey {
  const read = readNamed(name, () => parseDid(did));
  if (read.kind !== 'key') throw field(`${name} must be a did:key`);
  return read;
}

/** Returns the result of `read`; rethrows its `CodedError` as `chain_field` with the field's name. */
export function readNamed<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CodedError) throw field(`${name}: ${error.message}`);
    throw error;
  }
}

export interface ReadResources {
  readonly texts: readonly string[];
  readonly granted: readonly Resource[];
}

/** A list of 1–8 resources, each once. */
export function readResources(list: unknown): ReadResources {
  const texts = check.array('resources', list, RESOURCES_MAX).map((text) => check.text('resource', text));
  if (texts.length === 0) throw field('resources must hold at least one');
  if (new Set(texts).size !== texts.length) throw field('resources must hold each one once');
  return { texts, granted: texts.map((text) => readNamed('resources', () => parseResource(text))) };
}

export function checkWindow(notBefore: number | null, expiry: number | null): void {
  if (notBefore !== null && expiry !== null && expiry <= notBefore) {
    throw field('expiry must be later than notBefore');
  }
}

function readTime(name: string, value: unknown): number | null {
  return value === null ? null : check.integer(name, value, 0);
}

/** Checks before reading: the number of links and their sizes. Throws `chain_too_large`. */
export function checkSizes(chain: readonly Uint8Array[]): void {
  if (chain.length > CHAIN_MAX_LINKS) {
    throw new IdentityError('chain_too_large', `chain must hold at most ${CHAIN_MAX_LINKS} links`);
  }
  let total = 0;
  for (const { byteLength } of chain) {
    if (byteLength > CHAIN_LINK_MAX_BYTES) {
      throw new IdentityError('chain_too_large', `link exceeds ${CHAIN_LINK_MAX_BYTES} bytes`);
    }
    total += byteLength;
  }
  if (total > CHAIN_MAX_BYTES) {
    throw new IdentityError('chain_too_large', `chain exceeds ${CHAIN_MAX_BYTES} bytes`);
  }
}

/**
 * Checks how links follow one another, whoever signed them: they join, nobody is in them twice, each grants no more
 * than the one before, all for `swarm`. Throws `IdentityError`.
 */
export function checkLinks(links: readonly Link[], swarm: string): void {
  const principals = new Set<string>();
  let before: Link | undefined;
  for (const link of links) {
    if (link.resources.some((resource) => resource.swarm !== swarm)) {
      throw new IdentityError('chain_swarm', 'link is for another swarm');
    }
    if (before === undefined) principals.add(link.issuer);
    else checkFollows(link, before);
    if (principals.has(link.audience)) {
      throw new IdentityError('chain_cycle', 'chain comes back to a principal it went through');
    }
    principals.add(link.audience);
    before = link;
  }
}

function checkFollows(link: Link, before: Link): void {
  if (link.issuer !== before.audience) {
    throw new IdentityError('chain_broken', 'link is not issued by the audience of the one before');
  }
  const isLonger = before.expiry !== null && (link.expiry === null || link.expiry > before.expiry);
  const isEarlier =
    before.notBefore !== null && (link.notBefore === null || link.notBefore < before.notBefore);
  if (isLonger || isEarlier) {
    throw new IdentityError('chain_widened', 'link is in force for longer than the one before');
  }
  for (const resource of link.resources) {
    if (!before.resources.some((outer) => contains(outer, resource))) {
      throw new IdentityError('chain_widened', 'link grants a resource that the one before does not');
    }
  }
}

/** Throws `chain_not_in_force` or `chain_not_granted` where `links` do not allow what is asked for at `time`. */
export function checkGranted(
  links: readonly Link[],
  asked: AskedResource & { readonly time: number },
  swarm: string,
): void {
  for (const { notBefore, expiry, resources } of links) {
    if ((notBefore !== null && asked.time < notBefore) || (expiry !== null && asked.time >= expiry)) {
      throw new IdentityError('chain_not_in_force', 'a link of the chain was not in force at that time');
    }
    if (!resources.some((resource) => grants(resource, asked, swarm))) {
      throw new IdentityError('chain_not_granted', `chain does not grant ${asked.action} there`);
    }
  }
}
