import * as cbor from '../../support/cbor.ts';
import { didOf } from '../../support/did.ts';
import { AUTHOR, OTHER_AUTHOR, sha256, TIME } from '../../support/envelopes.ts';
import {
  digestOf,
  linkNumber,
  POLICY,
  type PolicyItems,
  person,
  policy,
  policyBody,
  policySignature,
  policyStep,
  policyWire,
  REVOCATION,
  type RevocationItems,
  type RuleItems,
  revocation,
  revocationBody,
  revocationSignature,
  revocationWire,
  revokeLink,
  rule,
  rules,
  SPONSORSHIP,
  type SponsorshipItems,
  sponsorship,
  sponsorshipBody,
  sponsorshipSignature,
  sponsorshipStep,
  sponsorshipWire,
  texts,
  WALLET,
} from '../../support/notices.ts';
import { numbered, someDids } from './valid.ts';
import type { Vector } from './vector.ts';

const LIMIT = 2n ** 53n;
const DID = didOf(AUTHOR);
const OTHER = didOf(OTHER_AUTHOR);

function vector(name: string, code: string | undefined, bytes: Buffer, rest: Partial<Vector> = {}): Vector {
  const why = code === undefined ? {} : { code };
  return { name, hex: bytes.toString('hex'), valid: false, ...why, now: TIME, ...rest };
}

/** A field out of its rule, all else right and the signature over it. */
function field(name: string, items: Partial<PolicyItems>): Vector {
  return vector(`policy: ${name}`, 'notice_field', policy(items));
}

function ruled(name: string, items: Partial<RuleItems>): Vector {
  return field(name, { rules: rules(items) });
}

function revoked(name: string, items: Partial<RevocationItems>): Vector {
  return vector(`revocation: ${name}`, 'notice_field', revocation(items));
}

function links(count: number, size: number): Buffer {
  return cbor.list(Array.from({ length: count }, () => cbor.bytes(Buffer.alloc(size, 7))));
}

function sponsored(name: string, items: Partial<SponsorshipItems>): Vector {
  return vector(`sponsorship: ${name}`, 'notice_field', sponsorship(items));
}

function each(name: string, items: Partial<PolicyItems & RevocationItems & SponsorshipItems>): Vector[] {
  return [field(name, items), revoked(name, items), sponsored(name, items)];
}

function authority(): Vector[] {
  return [
    ...each('time of -1', { time: cbor.integer(-1) }),
    ...each('time of 2^53', { time: cbor.integer(LIMIT) }),
    ...each('as that is no DID', { as: cbor.text('alice') }),
    ...each('as of another author, without a chain', { as: cbor.text(didOf(person(1))) }),
    ...each('a chain of 9 links', { chain: links(9, 1) }),
    ...each('a link of 2 049 bytes', { chain: links(1, 2049) }),
    ...each('a link of no bytes', { chain: links(1, 0) }),
    ...each('a chain of 4 097 bytes', {
      chain: cbor.list([2048, 2048, 1].map((size) => cbor.bytes(Buffer.alloc(size)))),
    }),
    ...each('an author of 33 bytes', { author: cbor.bytes(AUTHOR.multikey.subarray(0, 33)) }),
    ...each('an author of another kind of key', {
      author: cbor.bytes(Buffer.concat([Buffer.of(0xe7, 0x01), AUTHOR.publicKey])),
    }),
    ...each('ext of 513 bytes', { ext: cbor.map([['a', cbor.bytes(Buffer.alloc(513 - 6, 0x65))]]) }),
    ...each('ext that is a list', { ext: cbor.list([]) }),
  ];
}

function names(): Vector[] {
  const padded = DID.replace('did:key:z', 'did:key:z1');
  return [
    field('no owner', { owner: cbor.text('') }),
    field('an owner in another spelling', { owner: cbor.text(padded), as: cbor.text(padded) }),
    field('an owner with an address in capitals', {
      owner: cbor.text('did:pkh:eip155:1:0xD8dA6BF26964aF9D7eEd9e03E53415D37aA96045'),
    }),
    field('a namespace in capitals', { namespace: cbor.text('Default') }),
    field('a namespace of 65 characters', { namespace: cbor.text('a'.repeat(65)) }),
    field('sequence 0', { sequence: cbor.integer(0) }),
    field('sequence 2 without a predecessor', { sequence: cbor.integer(2) }),
    field('sequence 1 with a predecessor', { previous: cbor.bytes(sha256(Buffer.of(1))) }),
    field('a predecessor of 31 bytes', { sequence: cbor.integer(2), previous: cbor.bytes(Buffer.alloc(31)) }),
    field('a first policy in another name than the owner’s', { owner: cbor.text(OTHER) }),
    field('no holder', { holder: cbor.NULL }),
  ];
}

function ruleFields(): Vector[] {
  const [first = '', second = ''] = someDids(2);
  return [
    field('rules of 8 items', { rules: cbor.list(Array.from({ length: 8 }, () => cbor.NULL)) }),
    field('rules that are a map', { rules: cbor.map([]) }),
    ruled('publish that is a truth', { publish: cbor.TRUE }),
    ruled('publish of three items', { publish: cbor.list([cbor.TRUE, cbor.list([]), cbor.NULL]) }),
    ruled('anyone that is a number', { write: cbor.list([cbor.integer(1), cbor.list([])]) }),
    ruled('33 DIDs', { read: rule(false, ...someDids(33)) }),
    ruled('DIDs out of order', { read: rule(false, second, first) }),
    ruled('a DID twice', { read: rule(false, first, first) }),
    ruled('a DID that is none', { read: rule(false, 'did:web:a.example') }),
    ruled('65 public topics', { publicTopics: texts(...numbered(65)) }),
    ruled('public topics out of order', { publicTopics: texts('b', 'a') }),
    ruled('public topics in the order of UTF-16', { publicTopics: texts('\u{1f600}', '\uff5e') }),
    ruled('a public topic of 257 bytes', { publicTopics: texts('t'.repeat(257)) }),
    ruled('a public topic with a control character', { publicTopics: texts('a\n') }),
    ruled('isPublic that is null', { isPublic: cbor.NULL }),
    ruled('a quota of -1', { quotaBytes: cbor.integer(-1) }),
    ruled('a quota of 2^53', { quotaKeys: cbor.integer(LIMIT) }),
    ruled('a quota that is a fraction', { quotaKeys: cbor.float64(1.5) }),
    ruled('a retention of 0', { retentionMs: cbor.integer(0) }),
    ruled('33 domains', { domains: texts(...numbered(33)) }),
    ruled('a domain in capitals', { domains: texts('Maillon.example') }),
    ruled('a domain with a scheme', { domains: texts('https://maillon.example') }),
    ruled('a domain that is empty', { domains: texts('') }),
    ruled('a domain with port 0', { domains: texts('maillon.example:0') }),
    ruled('a domain of 256 characters', { domains: texts('a'.repeat(256)) }),
  ];
}

function target(...items: readonly Buffer[]): Partial<RevocationItems> {
  return { target: cbor.list(items) };
}

function targets(): Vector[] {
  return [
    revoked('a target of another kind', target(cbor.integer(2), cbor.bytes(linkNumber(1)))),
    revoked('a target of three items', target(cbor.integer(1), cbor.text(DID), cbor.NULL)),
    revoked('a link of 31 bytes', target(cbor.integer(0), cbor.bytes(Buffer.alloc(31)))),
    revoked('a link that is a DID', target(cbor.integer(0), cbor.text(DID))),
    revoked('a DID that is a link', target(cbor.integer(1), cbor.bytes(linkNumber(1)))),
    revoked('a DID that is none', target(cbor.integer(1), cbor.text('alice'))),
    revoked('a target that is text', { target: cbor.text(DID) }),
  ];
}

function sponsorships(): Vector[] {
  const wide = (size: number): Buffer => links(3, size);
  return [
    sponsored('no owner', { owner: cbor.text('') }),
    sponsored('a namespace in capitals', { namespace: cbor.text('Default') }),
    sponsored('a namespace that begins with a star', { namespace: cbor.text('*a') }),
    sponsored('no holder', { holder: cbor.NULL }),
    sponsored('a holder that is no DID', { holder: cbor.text('alice') }),
    sponsored('a holder that names itself', { holder: cbor.text(OTHER) }),
    sponsored('a wallet as the operator', {
      as: cbor.text(WALLET.replace('0xd0', '0xd1')),
      chain: links(1, 9),
    }),
    sponsored('an operator with a key of secp256k1', {
      as: cbor.text('did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme'),
      chain: links(1, 9),
    }),
    sponsored('naming of 9 links', { naming: links(9, 1) }),
    sponsored('naming with a link of no bytes', { naming: links(1, 0) }),
    sponsored('naming with a link of 2 049 bytes', { naming: links(1, 2049) }),
    sponsored('naming of 4 098 bytes', { naming: wide(1366) }),
    sponsored('naming that is null', { naming: cbor.NULL }),
    vector(
      'a sponsorship of 10 241 bytes',
      'notice_too_large',
      Buffer.concat([sponsorship(), Buffer.alloc(10_241)]).subarray(0, 10_241),
    ),
    vector('a sponsorship of version 2', 'notice_version', sponsorship({ version: cbor.integer(2) })),
    vector('a sponsorship for another swarm', 'notice_signature', sponsorship({}, { swarm: 'other' })),
    vector(
      'a sponsorship signed as a policy',
      'notice_signature',
      sponsorshipWire(SPONSORSHIP, policySignature(sponsorshipBody(SPONSORSHIP), OTHER_AUTHOR)),
    ),
    vector(
      'a sponsorship signed by somebody else',
      'notice_signature',
      sponsorshipWire(SPONSORSHIP, sponsorshipSignature(sponsorshipBody(SPONSORSHIP), AUTHOR)),
    ),
    vector('a naming in a longer form', undefined, sponsorship({ naming: cbor.list([], 1) })),
  ];
}

function forms(): Vector[] {
  const whole = policy();
  const body = policyBody(POLICY);
  const uncanonical = (name: string, items: Partial<PolicyItems>): Vector =>
    vector(name, undefined, policy(items));
  return [
    vector('nothing', 'notice_malformed', Buffer.alloc(0)),
    vector('a map', 'notice_malformed', cbor.map([])),
    vector('a policy without its signature', 'notice_kind', body),
    vector('an array of 3 items', 'notice_kind', cbor.list([cbor.integer(1), cbor.NULL, cbor.NULL])),
    vector(
      '48 KiB and a byte',
      'notice_too_large',
      Buffer.concat([whole, Buffer.alloc(49_153 - whole.byteLength)]),
    ),
    vector(
      'a revocation of 6 145 bytes',
      'notice_too_large',
      Buffer.concat([revocation(), Buffer.alloc(6145)]).subarray(0, 6145),
    ),
    vector('a policy of version 2', 'notice_version', policy({ version: cbor.integer(2) })),
    vector('a revocation of version 0', 'notice_version', revocation({ version: cbor.integer(0) })),
    vector('version 2 with nothing behind it', 'notice_version', Buffer.of(0x83, 0x02)),
    vector('one byte too few', 'notice_malformed', whole.subarray(0, -1)),
    vector('one byte too many', 'notice_malformed', Buffer.concat([whole, Buffer.of(0)])),
    vector(
      'more items than any notice has',
      'notice_malformed',
      policy({ ext: cbor.list(Array.from({ length: 2000 }, () => cbor.list([]))) }),
    ),
    uncanonical('a sequence in a longer form', { sequence: cbor.integer(1, 1) }),
    uncanonical('rules of indefinite length', {
      rules: Buffer.concat([cbor.indefinite(cbor.ARRAY), cbor.BREAK]),
    }),
    uncanonical('a time as a float', { time: cbor.float64(TIME) }),
    uncanonical('undefined in ext', { ext: cbor.map([['a', cbor.UNDEFINED]]) }),
    vector('a signature of 63 bytes', 'notice_field', policyWire(POLICY, Buffer.alloc(63))),
    vector('a signature that is wrong', 'notice_signature', policyWire(POLICY, Buffer.alloc(64, 1))),
    vector('a policy for another swarm', 'notice_signature', policy({}, { swarm: 'other' })),
    vector('a revocation for another swarm', 'notice_signature', revocation({}, { swarm: 'other' })),
    vector(
      'a policy signed by somebody else',
      'notice_signature',
      policyWire(POLICY, policySignature(body, OTHER_AUTHOR)),
    ),
    vector(
      'a policy signed as a revocation',
      'notice_signature',
      policyWire(POLICY, revocationSignature(body)),
    ),
    vector(
      'a revocation signed as a policy',
      'notice_signature',
      revocationWire(REVOCATION, policySignature(revocationBody(REVOCATION))),
    ),
  ];
}

function known(...list: readonly Buffer[]): Partial<Vector> {
  return { known: list.map((bytes) => bytes.toString('hex')) };
}

function contexts(): Vector[] {
  const owner = AUTHOR;
  const one = policyStep({ owner, time: TIME });
  const two = policyStep({ owner, sequence: 2, after: one, time: TIME });
  const handed = policyStep({ owner, sequence: 2, after: one, time: TIME, holder: OTHER_AUTHOR });
  const step = (sequence: number, after: Buffer, rest: object = {}): Buffer =>
    policyStep({ owner, sequence, after, time: TIME, ...rest });
  const link = revokeLink(owner, linkNumber(1), { time: TIME });
  const sponsors = (rest: object = {}): Buffer =>
    sponsorshipStep({ operator: owner, holder: WALLET, time: TIME, ...rest });
  const [lower = link, higher = link] = [
    sponsors(),
    sponsors({ by: OTHER_AUTHOR, chain: [Buffer.of(1)] }),
  ].toSorted((a, b) => Buffer.compare(digestOf(a), digestOf(b)));
  return [
    vector('20 001 ms ahead of the clock', 'notice_clock', policy(), { now: TIME - 20_001 }),
    vector('a revocation of the future', 'notice_clock', revocation(), { now: TIME - 20_001 }),
    vector('a policy that is known', 'notice_known', two, known(one, two)),
    vector('a policy before the one known', 'notice_known', one, known(one, two)),
    vector('a revocation that is known', 'notice_known', link, known(link)),
    vector(
      'the same link revoked again later',
      'notice_known',
      revokeLink(owner, linkNumber(1), { time: TIME + 1 }),
      known(link),
    ),
    vector('another first policy', 'policy_conflict', policyStep({ owner, time: TIME + 1 }), known(one)),
    vector('another second policy', 'policy_conflict', step(2, one, { time: TIME + 1 }), known(one, two)),
    vector('a policy that follows another one', 'policy_conflict', step(3, handed), known(one, two)),
    vector('a third policy after the first', 'policy_early', step(3, two), known(one)),
    vector('a second policy of an unknown namespace', 'policy_early', two),
    vector('by the owner after a transfer', 'policy_holder', step(3, handed), known(one, handed)),
    vector('by somebody who never held it', 'policy_holder', step(2, one, { by: person(1) }), known(one)),
    vector('a sponsorship of the future', 'notice_clock', sponsors(), { now: TIME - 20_001 }),
    vector('a sponsorship that is known', 'notice_known', sponsors(), known(sponsors())),
    vector('a sponsorship that was withdrawn since', 'notice_superseded', sponsors(), {
      ...known(sponsors({ naming: [], time: TIME + 1 })),
    }),
    vector('a withdrawal from before', 'notice_superseded', sponsors({ naming: [], time: TIME - 1 }), {
      ...known(sponsors()),
    }),
    vector(
      'a sponsorship at the same time, with the lower digest',
      'notice_superseded',
      lower,
      known(higher),
    ),
    vector('1 ms before the one it follows', 'policy_time', step(2, one, { time: TIME - 1 }), known(one)),
  ];
}

export function invalidVectors(): Vector[] {
  return [
    ...forms(),
    ...authority(),
    ...names(),
    ...ruleFields(),
    ...targets(),
    ...sponsorships(),
    ...contexts(),
  ];
}
