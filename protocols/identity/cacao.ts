import * as dagCbor from '@ipld/dag-cbor';
import { decodeBase58 } from '../common/base58.ts';
import { hasFewItems } from '../common/cbor-bounds.ts';
import { CHAIN_LINK_MAX_BYTES } from '../common/chain.ts';
import type { Crypto } from '../common/crypto.ts';
import { BASE58_MAX_LENGTH, type DidKey, type DidPkh, type WalletChain } from '../common/did.ts';
import { errorMessage } from '../common/errors.ts';
import {
  ED25519_SIGNATURE_BYTES,
  EIP191_SIGNATURE_BYTES,
  LINK_ITEMS_MAX,
  RESOURCES_MAX,
  WITNESS_MAX_BYTES,
} from './constants.ts';
import { IdentityError } from './errors.ts';
import type { Link, Proof, SignedLink, SignIn } from './link.ts';
import { type ReadSignIn, readAccount, readSignIn, type UncheckedSignIn, writeMessage } from './sign-in.ts';
import { StrictReader } from './strict-reader.ts';
import { check, checkWindow, readKey, readResources } from './validate.ts';

/**
 * Values of `h.t` and `s.t` by chain. One `h.t` for each: it is not signed, so with two of them one signature would make two
 * CACAOs, and a revocation of one would leave the other.
 */
export const CACAO_TYPES: Readonly<
  Record<WalletChain, { readonly header: string; readonly signature: string }>
> = {
  eip155: { header: 'eip4361', signature: 'eip191' },
  bip122: { header: 'caip122', signature: 'bip322' },
  solana: { header: 'caip122', signature: 'solana:ed25519' },
};
const HEADERS: ReadonlySet<string> = new Set(Object.values(CACAO_TYPES).map(({ header }) => header));
const SIGNATURES: ReadonlySet<string> = new Set(Object.values(CACAO_TYPES).map(({ signature }) => signature));
/** The type of a contract's signature (EIP-1271): only the chain itself can say whether it holds. */
const CONTRACT_SIGNATURE = 'eip1271';

/** Keys that a payload must have, and those that it may have. */
const PAYLOAD_KEYS = ['domain', 'iss', 'aud', 'version', 'nonce', 'iat', 'resources'] as const;
const OPTIONAL_KEYS = ['nbf', 'exp', 'statement', 'requestId'] as const;

const encoder = new TextEncoder();
const field = (message: string): IdentityError => new IdentityError('chain_field', message);

/** A CACAO as it is on the wire, canonical DAG-CBOR. The fields are to be checked before. */
export function encodeCacao(signIn: SignIn, signature: Uint8Array): Uint8Array {
  const types = CACAO_TYPES[readAccount(signIn.iss).chain];
  return dagCbor.encode({ h: { t: types.header }, p: signIn, s: { t: types.signature, s: signature } });
}

/** Reads a CACAO; the signature is not verified here. Throws `IdentityError`. */
export function decodeCacao(bytes: Uint8Array, crypto: Pick<Crypto, 'sha256'>): SignedLink {
  if (bytes.byteLength > CHAIN_LINK_MAX_BYTES) {
    throw new IdentityError('chain_too_large', `CACAO exceeds ${CHAIN_LINK_MAX_BYTES} bytes`);
  }
  const canonical = readCanonical(bytes);
  // whatever else it is, it is refused: it is read only to say why
  const { header, payload, signatureType, signature } = canonical ?? decodeParts(bytes);
  const headerType = check.text('h.t', header);
  checkTypes(headerType, check.text('s.t', signatureType));
  const { link, signIn, account, audience } = readPayload(payload);
  const types = CACAO_TYPES[account.chain];
  if (headerType !== types.header || signatureType !== types.signature) {
    throw field(`h.t and s.t must be ${types.header} and ${types.signature} for ${account.chain}`);
  }
  const proof = checkSignature(account, signature);
  if (canonical === null) throw new IdentityError('chain_not_canonical', 'CACAO is not canonical DAG-CBOR');
  const message = encoder.encode(writeMessage(signIn, account));
  return { link: { ...link, digest: crypto.sha256(canonical.body) }, audience, proof: { ...proof, message } };
}

/** Contents of a CACAO before any check. */
interface Parts {
  readonly header: unknown;
  readonly payload: UncheckedSignIn;
  readonly signatureType: unknown;
  readonly signature: unknown;
}

/** Head of a map of two: the body, which on the wire is a map of three. */
const BODY_HEAD = 0xa2;

/**
 * The parts of a CACAO in canonical DAG-CBOR: maps with the keys that are known here, in their order, each once. Null for
 * all others, and for those whose texts are not in ASCII, as no field allows. Nothing is encoded again to be compared.
 */
function readCanonical(bytes: Uint8Array): (Parts & { readonly body: Uint8Array }) | null {
  const reader = new StrictReader(bytes);
  const isMap = reader.map() === 3 && reader.hasKey('h') && reader.map() === 1;
  const header = reader.entry('t');
  const payload = reader.hasKey('p') ? readCanonicalPayload(reader) : null;
  const body = new Uint8Array(bytes.subarray(0, reader.at));
  body[0] = BODY_HEAD;
  const hasSignature = reader.hasKey('s') && reader.map() === 2 && reader.hasKey('s');
  const signature = reader.bytes();
  const signatureType = reader.entry('t');
  if (!isMap || payload === null || !hasSignature || !reader.isWhole) return null;
  return { header, payload, signatureType, signature, body };
}

/** Null when there are entries that are not known here. */
function readCanonicalPayload(reader: StrictReader): UncheckedSignIn | null {
  const count = reader.map();
  // the order in which DAG-CBOR has them: the shorter first, then bytewise
  const payload = {
    aud: reader.entry('aud'),
    exp: reader.optionalEntry('exp'),
    iat: reader.entry('iat'),
    iss: reader.entry('iss'),
    nbf: reader.optionalEntry('nbf'),
    nonce: reader.entry('nonce'),
    domain: reader.entry('domain'),
    version: reader.entry('version'),
    requestId: reader.optionalEntry('requestId'),
    resources: reader.hasKey('resources') ? reader.texts(RESOURCES_MAX) : undefined,
    statement: reader.optionalEntry('statement'),
  };
  const { exp, nbf, requestId, statement } = payload;
  const optional = [exp, nbf, requestId, statement].filter((value) => value !== undefined).length;
  return payload.resources !== undefined && count === PAYLOAD_KEYS.length + optional ? payload : null;
}

type Fields = Readonly<Record<string, unknown>>;

function decodeParts(bytes: Uint8Array): Parts {
  if (!hasFewItems(bytes, LINK_ITEMS_MAX)) {
    throw new IdentityError('chain_malformed', `CACAO must be at most ${LINK_ITEMS_MAX} items of DAG-CBOR`);
  }
  let decoded: unknown;
  try {
    decoded = dagCbor.decode(bytes);
  } catch (error) {
    throw new IdentityError('chain_malformed', `CACAO is not DAG-CBOR: ${errorMessage(error)}`);
  }
  const { h, p, s } = readMap('CACAO', decoded, ['h', 'p', 's']);
  const { t: header } = readMap('h', h, ['t']);
  const payload = readMap('p', p, PAYLOAD_KEYS, OPTIONAL_KEYS);
  const { t: signatureType, s: signature } = readMap('s', s, ['t', 's']);
  return { header, payload, signatureType, signature };
}

/** A map that has all of `keys`, perhaps some of `optional`, and no other. */
function readMap(
  name: string,
  value: unknown,
  keys: readonly string[],
  optional: readonly string[] = [],
): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    throw field(`${name} must be a map`);
  }
  const missing = keys.find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) throw field(`${name} must have ${missing}`);
  if (Object.keys(value).some((key) => !keys.includes(key) && !optional.includes(key))) {
    throw field(`${name} has a field that is not known here`);
  }
  return value as Fields;
}

/** Types of chains to come are of no fault; a contract's signature is told apart, since people will try it. */
function checkTypes(header: string, signature: string): void {
  if (signature === CONTRACT_SIGNATURE) throw contractWallet();
  if (!HEADERS.has(header) || !SIGNATURES.has(signature)) {
    throw new IdentityError('chain_version', 'type of the CACAO or of its signature is not known here');
  }
}

export interface ReadPayload extends ReadSignIn {
  readonly link: Omit<Link, 'digest'>;
  readonly audience: DidKey;
}

/** Checks a sign-in that delegates. Throws `IdentityError`. */
export function readPayload(payload: UncheckedSignIn): ReadPayload {
  const { signIn, account } = readSignIn(payload);
  const audience = readKey('aud', signIn.aud);
  if (audience.curve !== 'ed25519') throw field('aud must be a did:key of Ed25519');
  const { granted } = readResources(signIn.resources);
  const notBefore = signIn.nbf === undefined ? null : Date.parse(signIn.nbf);
  const expiry = signIn.exp === undefined ? null : Date.parse(signIn.exp);
  checkWindow(notBefore, expiry);
  const link = {
    kind: 'cacao' as const,
    issuer: signIn.iss,
    audience: signIn.aud,
    resources: granted,
    notBefore,
    expiry,
    time: Date.parse(signIn.iat),
    domain: signIn.domain,
    ext: {},
  };
  return { signIn, account, audience, link };
}

type UnsignedProof<P = Proof> = P extends Proof ? Omit<P, 'message'> : never;

function checkSignature({ chain, address }: DidPkh, value: unknown): UnsignedProof {
  if (chain === 'bip122') {
    return { kind: 'bip322', address, signature: check.bytes('s.s', value, WITNESS_MAX_BYTES, 1) };
  }
  if (chain === 'solana') {
    const signature = check.bytes('s.s', value, ED25519_SIGNATURE_BYTES);
    return {
      kind: 'ed25519',
      signer: decodeBase58(address, BASE58_MAX_LENGTH) ?? new Uint8Array(),
      signature,
    };
  }
  const signature = check.bytes('s.s', value, CHAIN_LINK_MAX_BYTES, 0);
  if (signature.byteLength !== EIP191_SIGNATURE_BYTES) throw contractWallet();
  return { kind: 'eip191', signer: bytesOfHex(address.slice(2)), signature };
}

export function contractWallet(): IdentityError {
  return new IdentityError(
    'chain_contract_wallet',
    `signature is not one of a key's account (${EIP191_SIGNATURE_BYTES} bytes): contract wallets (EIP-1271) cannot be ` +
      'verified without their chain; sign in with an account that has a key',
  );
}

/** Hex digits, two of them a byte. Other characters give other bytes: the caller checks for them. */
export function bytesOfHex(digits: string): Uint8Array {
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.byteLength; i++) {
    bytes[i] = 16 * hexDigit(digits.charCodeAt(2 * i)) + hexDigit(digits.charCodeAt(2 * i + 1));
  }
  return bytes;
}

function hexDigit(code: number): number {
  return code <= DIGIT_9 ? code - DIGIT_0 : (code | TO_SMALL) - LETTER_A + 10;
}

const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const LETTER_A = 0x61;
/** Bit set in a lowercase letter but not in its capital. */
const TO_SMALL = 0x20;
