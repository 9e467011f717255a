import { hasFewItems } from '../common/cbor-bounds.ts';
import type { Crypto } from '../common/crypto.ts';
import { SignedForm } from '../common/signed-form.ts';
import {
  NOTICE_ITEMS_MAX,
  NOTICE_MAX_BYTES,
  NOTICE_VERSION,
  POLICY_BODY_ITEMS,
  POLICY_DOMAIN,
  POLICY_MAX_BYTES,
  REVOCATION_BODY_ITEMS,
  REVOCATION_DOMAIN,
  REVOCATION_MAX_BYTES,
  SPONSORSHIP_BODY_ITEMS,
  SPONSORSHIP_DOMAIN,
  SPONSORSHIP_MAX_BYTES,
} from './constants.ts';
import { NamespacesError } from './errors.ts';
import type {
  Policy,
  Revocation,
  SignedNotice,
  SignedPolicy,
  SignedRevocation,
  SignedSponsorship,
  Sponsorship,
} from './notice.ts';
import { readPolicy, readRevocation, readSponsorship, rulesItems, targetItems } from './validate.ts';

const policyForm = new SignedForm({
  noun: 'policy',
  version: NOTICE_VERSION,
  domain: POLICY_DOMAIN,
  items: POLICY_BODY_ITEMS,
  maxBytes: POLICY_MAX_BYTES,
  fail: (fault, message) => new NamespacesError(`notice_${fault}`, message),
});

const revocationForm = new SignedForm({
  noun: 'revocation',
  version: NOTICE_VERSION,
  domain: REVOCATION_DOMAIN,
  items: REVOCATION_BODY_ITEMS,
  maxBytes: REVOCATION_MAX_BYTES,
  fail: (fault, message) => new NamespacesError(`notice_${fault}`, message),
});

const sponsorshipForm = new SignedForm({
  noun: 'sponsorship',
  version: NOTICE_VERSION,
  domain: SPONSORSHIP_DOMAIN,
  items: SPONSORSHIP_BODY_ITEMS,
  maxBytes: SPONSORSHIP_MAX_BYTES,
  fail: (fault, message) => new NamespacesError(`notice_${fault}`, message),
});

const FORMS: Readonly<Record<SignedNotice['kind'], SignedForm>> = {
  policy: policyForm,
  revocation: revocationForm,
  sponsorship: sponsorshipForm,
};

/** Heads of arrays: by the number of items the kinds are told apart. */
const ARRAY_HEAD = 0x80;
const SMALL_MAX = 23;
const POLICY_HEAD = ARRAY_HEAD + POLICY_BODY_ITEMS + 1;
const REVOCATION_HEAD = ARRAY_HEAD + REVOCATION_BODY_ITEMS + 1;
const SPONSORSHIP_HEAD = ARRAY_HEAD + SPONSORSHIP_BODY_ITEMS + 1;

/** The body of a policy: everything but the signature, canonical DAG-CBOR. */
export function encodePolicyBody(policy: Policy): Uint8Array {
  return policyForm.encodeBody([
    policy.owner,
    policy.namespace,
    policy.sequence,
    policy.previous,
    policy.time,
    policy.holder,
    rulesItems(policy.rules),
    policy.as,
    policy.chain,
    policy.author,
    policy.ext,
  ]);
}

/** The body of a revocation: everything but the signature, canonical DAG-CBOR. */
export function encodeRevocationBody(revocation: Revocation): Uint8Array {
  return revocationForm.encodeBody([
    targetItems(revocation.target),
    revocation.time,
    revocation.as,
    revocation.chain,
    revocation.author,
    revocation.ext,
  ]);
}

/** The body of a sponsorship: everything but the signature, canonical DAG-CBOR. */
export function encodeSponsorshipBody(sponsorship: Sponsorship): Uint8Array {
  return sponsorshipForm.encodeBody([
    sponsorship.owner,
    sponsorship.namespace,
    sponsorship.time,
    sponsorship.holder,
    sponsorship.naming,
    sponsorship.as,
    sponsorship.chain,
    sponsorship.author,
    sponsorship.ext,
  ]);
}

/** The wire form of a policy's body and its signature. */
export function encodePolicy(body: Uint8Array, signature: Uint8Array): Uint8Array {
  return policyForm.encode(body, signature);
}

/** The wire form of a revocation's body and its signature. */
export function encodeRevocation(body: Uint8Array, signature: Uint8Array): Uint8Array {
  return revocationForm.encode(body, signature);
}

/** The wire form of a sponsorship's body and its signature. */
export function encodeSponsorship(body: Uint8Array, signature: Uint8Array): Uint8Array {
  return sponsorshipForm.encode(body, signature);
}

/** Bytes the author signs: DAG-CBOR `["maillon/policy/1", swarm, digest of the body]`. */
export function policySigningBytes(swarm: string, digest: Uint8Array): Uint8Array {
  return policyForm.signingBytes(swarm, digest);
}

/** Bytes the author signs: DAG-CBOR `["maillon/revocation/1", swarm, digest of the body]`. */
export function revocationSigningBytes(swarm: string, digest: Uint8Array): Uint8Array {
  return revocationForm.signingBytes(swarm, digest);
}

/** Bytes the author signs: DAG-CBOR `["maillon/sponsorship/1", swarm, digest of the body]`. */
export function sponsorshipSigningBytes(swarm: string, digest: Uint8Array): Uint8Array {
  return sponsorshipForm.signingBytes(swarm, digest);
}

/** Bytes the author of `notice` signed. */
export function signingBytes(swarm: string, { kind, digest }: SignedNotice): Uint8Array {
  return FORMS[kind].signingBytes(swarm, digest);
}

/**
 * Reads and checks the wire form of any kind; neither the signature nor the chain is verified here. Byte strings may be
 * views of `bytes`. Throws `NamespacesError`: too large, malformed, not canonical, an unknown version or kind, a field out of
 * bounds.
 */
export function decodeNotice(bytes: Uint8Array, crypto: Pick<Crypto, 'sha256'>): SignedNotice {
  const kind = kindOf(bytes);
  const form = FORMS[kind];
  form.checkHead(bytes);
  if (!hasFewItems(bytes, NOTICE_ITEMS_MAX)) {
    throw new NamespacesError(
      'notice_malformed',
      `notice must be at most ${NOTICE_ITEMS_MAX} items of DAG-CBOR`,
    );
  }
  const { fields, signature } = form.decode(bytes);
  const notice = READERS[kind](fields);
  checkSignature(signature);
  const body = bodyOf(notice);
  form.checkCanonical(bytes, body);
  return { ...notice, digest: crypto.sha256(body), signature, bytes };
}

/** As `decodeNotice`, of a policy; any other kind is refused. */
export function decodePolicy(bytes: Uint8Array, crypto: Crypto): SignedPolicy {
  const notice = decodeNotice(bytes, crypto);
  if (notice.kind !== 'policy') throw new NamespacesError('notice_malformed', 'notice is no policy');
  return notice;
}

type Unsigned<T> = T extends unknown ? Omit<T, 'digest' | 'signature' | 'bytes'> : never;

function policyOf(fields: readonly unknown[]): Unsigned<SignedPolicy> {
  const [owner, namespace, sequence, previous, time, holder, rules, as, chain, author, ext] = fields;
  const names = { owner, namespace, sequence, previous };
  return { kind: 'policy', ...readPolicy({ ...names, time, holder, rules, as, chain, author, ext }) };
}

function revocationOf(fields: readonly unknown[]): Unsigned<SignedRevocation> {
  const [target, time, as, chain, author, ext] = fields;
  return { kind: 'revocation', ...readRevocation({ target, time, as, chain, author, ext }) };
}

function sponsorshipOf(fields: readonly unknown[]): Unsigned<SignedSponsorship> {
  const [owner, namespace, time, holder, naming, as, chain, author, ext] = fields;
  const read = readSponsorship({ owner, namespace, time, holder, naming, as, chain, author, ext });
  return { kind: 'sponsorship', ...read };
}

const READERS: Readonly<
  Record<SignedNotice['kind'], (fields: readonly unknown[]) => Unsigned<SignedNotice>>
> = { policy: policyOf, revocation: revocationOf, sponsorship: sponsorshipOf };

function bodyOf(notice: Unsigned<SignedNotice>): Uint8Array {
  if (notice.kind === 'policy') return encodePolicyBody(notice);
  return notice.kind === 'revocation' ? encodeRevocationBody(notice) : encodeSponsorshipBody(notice);
}

/** A version or a kind that is not known here is told apart by the first bytes alone: the rest may have any shape. */
function kindOf(bytes: Uint8Array): SignedNotice['kind'] {
  if (bytes.byteLength > NOTICE_MAX_BYTES) {
    throw new NamespacesError('notice_too_large', `notice exceeds ${NOTICE_MAX_BYTES} bytes`);
  }
  const head = bytes[0] ?? 0;
  if (head === POLICY_HEAD) return 'policy';
  if (head === REVOCATION_HEAD) return 'revocation';
  if (head === SPONSORSHIP_HEAD) return 'sponsorship';
  const version = bytes[1] ?? 0xff;
  if (head < ARRAY_HEAD || head > ARRAY_HEAD + SMALL_MAX || version > SMALL_MAX) {
    throw new NamespacesError(
      'notice_malformed',
      'notice must be a DAG-CBOR array that starts with its version',
    );
  }
  if (version !== NOTICE_VERSION) {
    throw new NamespacesError('notice_version', `notice version ${version} is not known here`);
  }
  throw new NamespacesError('notice_kind', `a notice of ${head - ARRAY_HEAD} items is not known here`);
}

const checkSignature: (signature: unknown) => asserts signature is Uint8Array = (signature) =>
  policyForm.checkSignatureField(signature);
