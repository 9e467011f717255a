/** Policies, revocations and sponsorships made from namespaces/SPEC.md alone, with node:crypto: nothing of the code under test is in here. */
import { sign } from 'node:crypto';
import * as cbor from './cbor.ts';
import { didOf } from './did.ts';
import { AUTHOR, type Author, authorOf, OTHER_AUTHOR, SWARM, sha256, TIME } from './envelopes.ts';
import { cacao, evmWallet, SESSION } from './identities.ts';

/** The `n`-th person of many; each has a key of their own. */
export function person(n: number): Author {
  return authorOf(sha256(Buffer.from(`person ${n}`)));
}

/** The 12 items of a policy's body, each as its bytes on the wire. */
export interface PolicyItems {
  readonly version: Buffer;
  readonly owner: Buffer;
  readonly namespace: Buffer;
  readonly sequence: Buffer;
  readonly previous: Buffer;
  readonly time: Buffer;
  readonly holder: Buffer;
  readonly rules: Buffer;
  readonly as: Buffer;
  readonly chain: Buffer;
  readonly author: Buffer;
  readonly ext: Buffer;
}

/** The 7 items of a revocation's body. */
export interface RevocationItems {
  readonly version: Buffer;
  readonly target: Buffer;
  readonly time: Buffer;
  readonly as: Buffer;
  readonly chain: Buffer;
  readonly author: Buffer;
  readonly ext: Buffer;
}

/** The 10 items of a sponsorship's body. */
export interface SponsorshipItems {
  readonly version: Buffer;
  readonly owner: Buffer;
  readonly namespace: Buffer;
  readonly time: Buffer;
  readonly holder: Buffer;
  readonly naming: Buffer;
  readonly as: Buffer;
  readonly chain: Buffer;
  readonly author: Buffer;
  readonly ext: Buffer;
}

/** The 9 items of a policy's rules. */
export interface RuleItems {
  readonly publish: Buffer;
  readonly write: Buffer;
  readonly read: Buffer;
  readonly publicTopics: Buffer;
  readonly isPublic: Buffer;
  readonly quotaBytes: Buffer;
  readonly quotaKeys: Buffer;
  readonly retentionMs: Buffer;
  readonly domains: Buffer;
}

export function texts(...list: readonly string[]): Buffer {
  return cbor.list(list.map((one) => cbor.text(one)));
}

/** `[anyone, dids]` */
export function rule(anyone: boolean, ...dids: readonly string[]): Buffer {
  return cbor.list([anyone ? cbor.TRUE : cbor.FALSE, texts(...dids)]);
}

const CLOSED: RuleItems = {
  publish: rule(false),
  write: rule(false),
  read: rule(false),
  publicTopics: cbor.list([]),
  isPublic: cbor.FALSE,
  quotaBytes: cbor.NULL,
  quotaKeys: cbor.NULL,
  retentionMs: cbor.NULL,
  domains: cbor.list([]),
};

/** Rules that let nobody in but the holder, with others put in their place. */
export function rules(other: Partial<RuleItems> = {}): Buffer {
  const { publish, write, read, publicTopics, isPublic, quotaBytes, quotaKeys, retentionMs, domains } = {
    ...CLOSED,
    ...other,
  };
  return cbor.list([
    publish,
    write,
    read,
    publicTopics,
    isPublic,
    quotaBytes,
    quotaKeys,
    retentionMs,
    domains,
  ]);
}

/** The SPEC's example of a policy. */
export const POLICY: PolicyItems = {
  version: cbor.integer(1),
  owner: cbor.text(didOf(AUTHOR)),
  namespace: cbor.text('default'),
  sequence: cbor.integer(1),
  previous: cbor.NULL,
  time: cbor.integer(TIME),
  holder: cbor.text(didOf(AUTHOR)),
  rules: rules({ read: rule(true), publicTopics: texts('news/'), quotaBytes: cbor.integer(2 ** 30) }),
  as: cbor.text(didOf(AUTHOR)),
  chain: cbor.list([]),
  author: cbor.bytes(AUTHOR.multikey),
  ext: cbor.map([]),
};

/** The SPEC's example of a revocation. */
export const REVOCATION: RevocationItems = {
  version: cbor.integer(1),
  target: cbor.list([cbor.integer(0), cbor.bytes(sha256(Buffer.from('a link')))]),
  time: cbor.integer(TIME),
  as: cbor.text(didOf(AUTHOR)),
  chain: cbor.list([]),
  author: cbor.bytes(AUTHOR.multikey),
  ext: cbor.map([]),
};

/** The wallet of identity/SPEC.md's example. */
export const WALLET = evmWallet(5).did;

/** The SPEC's example of a sponsorship: the wallet's sign-in of identity/SPEC.md names the operator, which accepts. */
export const SPONSORSHIP: SponsorshipItems = {
  version: cbor.integer(1),
  owner: cbor.text(WALLET),
  namespace: cbor.text('default'),
  time: cbor.integer(TIME),
  holder: cbor.text(WALLET),
  naming: cbor.list([cbor.bytes(cacao(evmWallet(5), SESSION))]),
  as: cbor.text(didOf(OTHER_AUTHOR)),
  chain: cbor.list([]),
  author: cbor.bytes(OTHER_AUTHOR.multikey),
  ext: cbor.map([]),
};

function policyItems(items: PolicyItems): Buffer {
  const { version, owner, namespace, sequence, previous, time, holder, rules, as, chain, author, ext } =
    items;
  const first = [version, owner, namespace, sequence, previous, time, holder];
  return Buffer.concat([...first, rules, as, chain, author, ext]);
}

function revocationItems({ version, target, time, as, chain, author, ext }: RevocationItems): Buffer {
  return Buffer.concat([version, target, time, as, chain, author, ext]);
}

function sponsorshipItems(items: SponsorshipItems): Buffer {
  const { version, owner, namespace, time, holder, naming, as, chain, author, ext } = items;
  return Buffer.concat([version, owner, namespace, time, holder, naming, as, chain, author, ext]);
}

export function sponsorshipBody(items: SponsorshipItems): Buffer {
  return Buffer.concat([Buffer.of(0x8a), sponsorshipItems(items)]);
}

export function policyBody(items: PolicyItems): Buffer {
  return Buffer.concat([Buffer.of(0x8c), policyItems(items)]);
}

export function revocationBody(items: RevocationItems): Buffer {
  return Buffer.concat([Buffer.of(0x87), revocationItems(items)]);
}

/** Bytes the author of `body` signs. */
export function signedBytes(domain: string, body: Uint8Array, swarm = SWARM): Buffer {
  return cbor.list([cbor.text(domain), cbor.text(swarm), cbor.bytes(sha256(body))]);
}

const POLICY_DOMAIN = 'maillon/policy/1';
const REVOCATION_DOMAIN = 'maillon/revocation/1';
const SPONSORSHIP_DOMAIN = 'maillon/sponsorship/1';

export function policySignature(body: Uint8Array, by: Author = AUTHOR, swarm = SWARM): Buffer {
  return sign(null, signedBytes(POLICY_DOMAIN, body, swarm), by.key);
}

export function revocationSignature(body: Uint8Array, by: Author = AUTHOR, swarm = SWARM): Buffer {
  return sign(null, signedBytes(REVOCATION_DOMAIN, body, swarm), by.key);
}

export function sponsorshipSignature(body: Uint8Array, by: Author = OTHER_AUTHOR, swarm = SWARM): Buffer {
  return sign(null, signedBytes(SPONSORSHIP_DOMAIN, body, swarm), by.key);
}

export function sponsorshipWire(items: SponsorshipItems, signature: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x8b), sponsorshipItems(items), cbor.bytes(signature)]);
}

export function policyWire(items: PolicyItems, signature: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x8d), policyItems(items), cbor.bytes(signature)]);
}

export function revocationWire(items: RevocationItems, signature: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x88), revocationItems(items), cbor.bytes(signature)]);
}

export interface By {
  readonly author?: Author;
  readonly swarm?: string;
}

/** The example with other items, signed. Non-canonical items are signed as they stand. */
export function policy(
  other: Partial<PolicyItems> = {},
  { author = AUTHOR, swarm = SWARM }: By = {},
): Buffer {
  const items = { ...POLICY, author: cbor.bytes(author.multikey), ...other };
  return policyWire(items, policySignature(policyBody(items), author, swarm));
}

/** The example with other items, signed. */
export function revocation(
  other: Partial<RevocationItems> = {},
  { author = AUTHOR, swarm = SWARM }: By = {},
): Buffer {
  const items = { ...REVOCATION, author: cbor.bytes(author.multikey), ...other };
  return revocationWire(items, revocationSignature(revocationBody(items), author, swarm));
}

/** The example with other items, signed. */
export function sponsorship(
  other: Partial<SponsorshipItems> = {},
  { author = OTHER_AUTHOR, swarm = SWARM }: By = {},
): Buffer {
  const items = { ...SPONSORSHIP, author: cbor.bytes(author.multikey), ...other };
  return sponsorshipWire(items, sponsorshipSignature(sponsorshipBody(items), author, swarm));
}

function linkList(links: readonly Uint8Array[]): Buffer {
  return cbor.list(links.map((link) => cbor.bytes(link)));
}

/** A holder named an operator over links, and it accepts; without links it withdraws. */
export function sponsorshipStep(step: {
  readonly operator: Author;
  /** DID. */
  readonly holder: string;
  readonly owner?: string;
  readonly namespace?: string;
  readonly time?: number;
  readonly naming?: readonly Uint8Array[];
  /** Signer, over these links from the operator. */
  readonly by?: Author;
  readonly chain?: readonly Uint8Array[];
}): Buffer {
  const { operator, holder, owner = holder, namespace = 'default', time = Date.now() } = step;
  const { naming = [Buffer.from('a link')], by = operator, chain = [] } = step;
  return sponsorship(
    {
      owner: cbor.text(owner),
      namespace: cbor.text(namespace),
      time: cbor.integer(time),
      holder: cbor.text(holder),
      naming: linkList(naming),
      as: cbor.text(didOf(operator)),
      chain: linkList(chain),
    },
    { author: by },
  );
}

/** Bytes behind the body: head and bytes of the signature. */
const TAIL_BYTES = 66;

/** SHA-256 of the body of a notice on the wire. */
export function digestOf(wire: Buffer): Buffer {
  const body = Buffer.from(wire.subarray(0, -TAIL_BYTES));
  body[0] = (wire[0] ?? 1) - 1;
  return sha256(body);
}

export interface PolicyStep {
  /** Creator of the namespace. */
  readonly owner: Author;
  readonly namespace?: string;
  readonly sequence?: number;
  /** The policy before, as on the wire. */
  readonly after?: Buffer | null;
  readonly time?: number;
  /** Holder from here on; the owner by default. */
  readonly holder?: Author;
  /** The same by its DID: of a wallet. */
  readonly holderDid?: string;
  /** Signer, in their own name; the owner by default. */
  readonly by?: Author;
  /** In whose name, over which links, if not the signer's own. */
  readonly as?: Author;
  readonly chain?: readonly Buffer[];
  readonly rules?: Buffer;
}

/** A policy of a namespace. */
export function policyStep(step: PolicyStep): Buffer {
  const { owner, namespace = 'default', after = null, time = Date.now(), holder = owner } = step;
  const { by = owner, as = by, chain = [], sequence = 1 } = step;
  return policy(
    {
      owner: cbor.text(didOf(owner)),
      namespace: cbor.text(namespace),
      sequence: cbor.integer(sequence),
      previous: after === null ? cbor.NULL : cbor.bytes(digestOf(after)),
      time: cbor.integer(time),
      holder: cbor.text(step.holderDid ?? didOf(holder)),
      as: cbor.text(didOf(as)),
      chain: linkList(chain),
      ...(step.rules === undefined ? {} : { rules: step.rules }),
    },
    { author: by },
  );
}

/** Policies of a namespace one after another, all by its owner. */
export function policyChain(owner: Author, count: number, namespace = 'default'): Buffer[] {
  const chain: Buffer[] = [];
  for (let sequence = 1; sequence <= count; sequence++) {
    chain.push(policyStep({ owner, namespace, sequence, after: chain.at(-1) ?? null }));
  }
  return chain;
}

export interface RevocationStep {
  readonly time?: number;
  /** In whose name (a DID), over which links, if not the signer's own. */
  readonly as?: string;
  readonly chain?: readonly Uint8Array[];
}

/** A revocation of a link by its digest. */
export function revokeLink(by: Author, link: Uint8Array, step?: RevocationStep): Buffer {
  return revoke(by, cbor.list([cbor.integer(0), cbor.bytes(link)]), step);
}

/** A revocation of a principal. */
export function revokeDid(by: Author, did: string, step?: RevocationStep): Buffer {
  return revoke(by, cbor.list([cbor.integer(1), cbor.text(did)]), step);
}

function revoke(by: Author, target: Buffer, step: RevocationStep = {}): Buffer {
  const { time = Date.now(), as = didOf(by), chain = [] } = step;
  return revocation(
    { target, time: cbor.integer(time), as: cbor.text(as), chain: linkList(chain) },
    { author: by },
  );
}

/** The digest of the `n`-th of many links. */
export function linkNumber(n: number): Buffer {
  return sha256(Buffer.from(`link ${n}`));
}
