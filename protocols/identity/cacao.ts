import * as dagCbor from '@ipld/dag-cbor';
import { decodeBase58 } from '../common/base58.ts';
import { equalBytes } from '../common/bytes.ts';
import { hasFewItems } from '../common/cbor-bounds.ts';
import type { Crypto } from '../common/crypto.ts';
import { BASE58_MAX_LENGTH, type DidPkh, type WalletChain } from '../common/did.ts';
import { errorMessage } from '../common/errors.ts';
import {
  ED25519_SIGNATURE_BYTES,
  EIP191_SIGNATURE_BYTES,
  LINK_ITEMS_MAX,
  LINK_MAX_BYTES,
  WITNESS_MAX_BYTES,
} from './constants.ts';
import { IdentityError } from './errors.ts';
import type { Link, Proof, SignedLink, SignIn } from './link.ts';
import { readAccount, readSignIn, writeMessage } from './sign-in.ts';
import { check, checkWindow, readKey, readResources } from './validate.ts';

/**
 * What `h.t` and `s.t` say, by chain. One `h.t` for each: it is not signed, so with two of them one signature would make
 * two CACAOs, and a revocation of one would leave the other.
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
  return dagCbor.encode({ ...bodyOf(signIn, types.header), s: { t: types.signature, s: signature } });
}

/** Reads a CACAO; the signature is not verified here. Throws `IdentityError`. */
export function decodeCacao(bytes: Uint8Array, crypto: Crypto): SignedLink {
  const { header, payload, signature } = decodeParts(bytes);
  const headerType = check.text('h.t', header['t']);
  const signatureType = check.text('s.t', signature['t']);
  checkTypes(headerType, signatureType);
  const granted = readPayload(payload);
  const account = readAccount(granted.signIn.iss);
  const types = CACAO_TYPES[account.chain];
  if (headerType !== types.header || signatureType !== types.signature) {
    throw field(`h.t and s.t must be ${types.header} and ${types.signature} for ${account.chain}`);
  }
  const proof = checkSignature(account, signature['s']);
  const body = dagCbor.encode(bodyOf(granted.signIn, headerType));
  checkCanonical(bytes, body, signature);
  const message = encoder.encode(writeMessage(granted.signIn, account));
  return { link: { ...granted.link, digest: crypto.sha256(body) }, proof: { ...proof, message } };
}

/** Map of three, with the keys of the body and behind it this one. */
const CACAO_HEAD = 0xa3;
const SIGNATURE_KEY = Uint8Array.of(0x61, 0x73);

/** Throws `chain_not_canonical` when `bytes` is not the one form of `body` and `signature`, which were made of them. */
function checkCanonical(bytes: Uint8Array, body: Uint8Array, signature: Fields): void {
  const end = body.byteLength + SIGNATURE_KEY.byteLength;
  const isWireForm =
    bytes[0] === CACAO_HEAD &&
    equalBytes(bytes.subarray(1, body.byteLength), body.subarray(1)) &&
    equalBytes(bytes.subarray(body.byteLength, end), SIGNATURE_KEY) &&
    equalBytes(bytes.subarray(end), dagCbor.encode(signature));
  if (!isWireForm) throw new IdentityError('chain_not_canonical', 'CACAO is not canonical DAG-CBOR');
}

function bodyOf(signIn: SignIn, header: string): { readonly h: object; readonly p: SignIn } {
  return { h: { t: header }, p: signIn };
}

type Fields = Readonly<Record<string, unknown>>;

function decodeParts(bytes: Uint8Array): { header: Fields; payload: Fields; signature: Fields } {
  if (bytes.byteLength > LINK_MAX_BYTES) {
    throw new IdentityError('chain_too_large', `CACAO exceeds ${LINK_MAX_BYTES} bytes`);
  }
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
  return {
    header: readMap('h', h, ['t']),
    payload: readMap('p', p, PAYLOAD_KEYS, OPTIONAL_KEYS),
    signature: readMap('s', s, ['t', 's']),
  };
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

/** Checks a sign-in that delegates. Throws `IdentityError`. */
export function readPayload(payload: Fields): { signIn: SignIn; link: Omit<Link, 'digest'> } {
  const signIn = readSignIn(payload);
  if (readKey('aud', signIn.aud).curve !== 'ed25519') throw field('aud must be a did:key of Ed25519');
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
  };
  return { signIn, link };
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
  const signature = check.bytes('s.s', value, LINK_MAX_BYTES, 0);
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

/** Hex digits, two of them a byte. */
export function bytesOfHex(digits: string): Uint8Array {
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.byteLength; i++) {
    bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}
