import { compareBytes, equalBytes } from '../common/bytes.ts';
import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../common/chain.ts';
import { CLOCK_GRACE_MS } from '../common/clock.ts';
import { checkDid, parseDid } from '../common/did.ts';
import { decodeMultikey, didKey } from '../common/did-key.ts';
import { FieldChecks } from '../common/fields.ts';
import { checkNamespace, checkTopic } from '../common/names.ts';
import {
  AUTHOR_BYTES,
  CLOCK_SKEW_MS,
  DIGEST_BYTES,
  DOMAIN_MAX_LENGTH,
  DOMAINS_MAX,
  PUBLIC_TOPICS_MAX,
  RULE_DIDS_MAX,
} from './constants.ts';
import { NamespacesError } from './errors.ts';
import type {
  NoticeAuthority,
  Policy,
  PolicyRules,
  Revocation,
  RevocationTarget,
  Rule,
  Sponsorship,
} from './notice.ts';

const field = (message: string): NamespacesError => new NamespacesError('notice_field', message);
const check = new FieldChecks(field);

const RULES_ITEMS = 9;
const PAIR_ITEMS = 2;
const TARGET_LINK = 0;
const TARGET_DID = 1;
/** In place of a namespace: all of the owner's. */
const ALL_NAMESPACES = '*';

/** An RFC 3986 host in lower case, and a port where it is not the scheme's own: what a sign-in message names. */
const DOMAIN = /^(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[1-9][0-9]{0,4})?$/;

/** The fields as they come from a decoder: nothing is known of them yet. */
export type UncheckedPolicy = { readonly [Field in keyof Policy]: unknown };
export type UncheckedRevocation = { readonly [Field in keyof Revocation]: unknown };
export type UncheckedSponsorship = { readonly [Field in keyof Sponsorship]: unknown };

/** The policy that the fields are. Throws `NamespacesError` `notice_field`, which names the one that is wrong. */
export function readPolicy(fields: UncheckedPolicy): Policy {
  const owner = readDid('owner', fields.owner);
  const namespace = check.text('namespace', fields.namespace);
  check.named(() => checkNamespace(namespace));
  const sequence = check.integer('sequence', fields.sequence, 1);
  const previous = fields.previous === null ? null : check.bytes('previous', fields.previous, DIGEST_BYTES);
  if ((previous === null) !== (sequence === 1)) {
    throw field('previous must be null in the first policy, and in no other');
  }
  const holder = readDid('holder', fields.holder);
  const rules = readRules(fields.rules);
  const authority = readAuthority(fields);
  if (sequence === 1 && authority.as !== owner) {
    throw field('the first policy must be made in the name of the owner');
  }
  return { owner, namespace, sequence, previous, holder, rules, ...authority };
}

/** The revocation that the fields are. Throws as `readPolicy`. */
export function readRevocation(fields: UncheckedRevocation): Revocation {
  const revocation = { target: readTarget(fields.target), ...readAuthority(fields) };
  const { target, as, chain } = revocation;
  // nothing would undo it
  if ('did' in target && target.did === as && chain.length > 0) {
    throw field('a principal is withdrawn in its own name by itself alone, not by a delegate');
  }
  return revocation;
}

/** The sponsorship that the fields are. Throws as `readPolicy`. */
export function readSponsorship(fields: UncheckedSponsorship): Sponsorship {
  const owner = readDid('owner', fields.owner);
  const namespace = check.text('namespace', fields.namespace);
  if (namespace !== ALL_NAMESPACES) check.named(() => checkNamespace(namespace));
  const holder = readDid('holder', fields.holder);
  const naming = readChain('naming', fields.naming);
  const authority = readAuthority(fields);
  const { as } = authority;
  const operator = parseDid(as);
  if (operator.kind !== 'key' || operator.curve !== 'ed25519') {
    throw field('as must be a did:key of Ed25519: links from the holder end there');
  }
  if (as === holder) throw field('as must not be the holder, who needs no sponsorship');
  return { owner, namespace, holder, naming, ...authority };
}

/** The rules as they stand in a policy. */
export function rulesItems(rules: PolicyRules): unknown[] {
  const { publish, write, read, publicTopics, isPublic, quotaBytes, quotaKeys, retentionMs, domains } = rules;
  const who = [publish, write, read].map(({ anyone, dids }) => [anyone, dids]);
  return [...who, publicTopics, isPublic, quotaBytes, quotaKeys, retentionMs, domains];
}

export function targetItems(target: RevocationTarget): unknown[] {
  return 'link' in target ? [TARGET_LINK, target.link] : [TARGET_DID, target.did];
}

/** Throws `notice_clock` for a notice of the future. An old one is as good as ever. */
export function checkTime({ time }: Pick<NoticeAuthority, 'time'>, now: number): void {
  const early = time - now - CLOCK_SKEW_MS;
  if (early <= 0) return;
  const message = `time is more than ${CLOCK_SKEW_MS} ms ahead of this node's clock`;
  throw new NamespacesError('notice_clock', message, early <= CLOCK_GRACE_MS);
}

/** The sponsorship that is known in a place. */
export type SponsorshipHead = Pick<Sponsorship, 'time'> & { readonly digest: Uint8Array };

/** Whether a sponsorship takes the place of the one known: the later one holds, of two at the same time that with the greater digest. */
export function supersedes(one: SponsorshipHead, known: SponsorshipHead | undefined): boolean {
  if (known === undefined || one.time !== known.time) return known === undefined || one.time > known.time;
  return compareBytes(one.digest, known.digest) > 0;
}

/** Known state of a namespace: its latest policy. */
export interface PolicyHead {
  readonly sequence: number;
  readonly digest: Uint8Array;
  readonly holder: string;
  readonly time: number;
}

/**
 * Throws for a policy that does not follow the one known: `policy_early`, `policy_conflict`; and `policy_holder`, `policy_time`
 * where it names that one as its predecessor, so that whoever forwards it could see the fault.
 */
export function checkSuccessor(policy: Policy, before: PolicyHead | undefined): void {
  const known = before?.sequence ?? 0;
  if (policy.sequence > known + 1) {
    throw new NamespacesError('policy_early', 'the policy before it is not known here', true);
  }
  const isNext = policy.sequence === known + 1;
  const namesKnown =
    before === undefined || (policy.previous !== null && equalBytes(policy.previous, before.digest));
  if (!isNext || !namesKnown) {
    throw new NamespacesError('policy_conflict', 'another policy is known in its place', true);
  }
  if (before === undefined) return;
  if (policy.as !== before.holder) {
    throw new NamespacesError('policy_holder', 'policy is not in the name of who holds the namespace');
  }
  if (policy.time < before.time) {
    throw new NamespacesError('policy_time', 'policy is from before the one it follows');
  }
}

function readRules(rules: unknown): PolicyRules {
  const items = tuple('rules', rules, RULES_ITEMS);
  const [publish, write, read, topics, isPublic, quotaBytes, quotaKeys, retentionMs, domains] = items;
  return {
    publish: readRule('publish', publish),
    write: readRule('write', write),
    read: readRule('read', read),
    publicTopics: readTopics(topics),
    isPublic: readBoolean('isPublic', isPublic),
    quotaBytes: readBound('quotaBytes', quotaBytes, 0),
    quotaKeys: readBound('quotaKeys', quotaKeys, 0),
    retentionMs: readBound('retentionMs', retentionMs, 1),
    domains: readDomains(domains),
  };
}

function readRule(name: string, rule: unknown): Rule {
  const [anyone, list] = tuple(name, rule, PAIR_ITEMS);
  const dids = check.array(`dids of ${name}`, list, RULE_DIDS_MAX).map((did) => readDid(name, did));
  checkAscending(`dids of ${name}`, dids);
  return { anyone: readBoolean(`anyone of ${name}`, anyone), dids };
}

function readTopics(list: unknown): readonly string[] {
  const topics = check.array('publicTopics', list, PUBLIC_TOPICS_MAX).map((item) => {
    const prefix = check.text('publicTopics', item);
    if (prefix !== '') check.named(() => checkTopic(prefix));
    return prefix;
  });
  checkAscending('publicTopics', topics);
  return topics;
}

function readDomains(list: unknown): readonly string[] {
  const domains = check.array('domains', list, DOMAINS_MAX).map((item) => {
    const domain = check.text('domain', item);
    if (domain.length > DOMAIN_MAX_LENGTH || !DOMAIN.test(domain)) {
      throw field('domain must be a host in lower case, with a port or without');
    }
    return domain;
  });
  checkAscending('domains', domains);
  return domains;
}

function readTarget(target: unknown): RevocationTarget {
  const [kind, value] = tuple('target', target, PAIR_ITEMS);
  if (kind === TARGET_LINK) return { link: check.bytes('link', value, DIGEST_BYTES) };
  if (kind === TARGET_DID) return { did: readDid('target', value) };
  throw field('target must be a link (0) or a DID (1)');
}

function readAuthority(fields: { readonly [Field in keyof NoticeAuthority]: unknown }): NoticeAuthority {
  const time = check.integer('time', fields.time, 0);
  const as = readDid('as', fields.as);
  const author = check.bytes('author', fields.author, AUTHOR_BYTES);
  check.named(() => decodeMultikey(author));
  const chain = readChain('chain', fields.chain);
  if (chain.length === 0 && didKey(author) !== as) {
    throw field('chain must lead from as to the author, unless they are the same');
  }
  check.ext(fields.ext);
  return { time, as, chain, author, ext: fields.ext as NoticeAuthority['ext'] };
}

function readChain(name: string, chain: unknown): readonly Uint8Array[] {
  let total = 0;
  const links = check.array(name, chain, CHAIN_MAX_LINKS).map((link) => {
    const bytes = check.bytes(`${name} link`, link, CHAIN_LINK_MAX_BYTES, 1);
    total += bytes.byteLength;
    return bytes;
  });
  if (total > CHAIN_MAX_BYTES) throw field(`${name} exceeds ${CHAIN_MAX_BYTES} bytes`);
  return links;
}

function readDid(name: string, value: unknown): string {
  const did = check.text(name, value);
  check.named(() => checkDid(did));
  return did;
}

function readBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw field(`${name} must be true or false`);
  return value;
}

function readBound(name: string, value: unknown, min: number): number | null {
  return value === null ? null : check.integer(name, value, min);
}

function tuple(name: string, value: unknown, count: number): unknown[] {
  const items = check.array(name, value, count);
  if (items.length !== count) throw field(`${name} must hold ${count}`);
  return items;
}

const utf8 = new TextEncoder();

/** One set has one form: ascending in the bytes of its texts. */
function checkAscending(name: string, list: readonly string[]): void {
  let last: Uint8Array | null = null;
  for (const text of list) {
    const bytes = utf8.encode(text);
    if (last !== null && compareBytes(last, bytes) >= 0) {
      throw field(`${name} must be ascending, each one once`);
    }
    last = bytes;
  }
}
