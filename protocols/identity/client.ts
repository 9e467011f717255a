import { base64pad } from 'multiformats/bases/base64';
import { decodeBase58 } from '../common/base58.ts';
import { CHAIN_LINK_MAX_BYTES } from '../common/chain.ts';
import type { Clock } from '../common/clock.ts';
import type { Crypto, Ed25519Signer } from '../common/crypto.ts';
import type { WalletChain } from '../common/did.ts';
import { didKey, encodeMultikey } from '../common/did-key.ts';
import { bytesOfHex, contractWallet, decodeCacao, encodeCacao, readPayload } from './cacao.ts';
import { DELEGATION_NONCE_BYTES, SIGN_IN_VERSION } from './constants.ts';
import {
  decodeDelegation,
  delegationSigningBytes,
  encodeDelegation,
  encodeDelegationBody,
} from './delegation.ts';
import { IdentityError } from './errors.ts';
import type { Link, SignIn } from './link.ts';
import { formatResource, type Resource } from './resource.ts';

/** Signs delegations, with a key of either curve that does not leave its owner. */
export interface DelegationSigner {
  /** did:key of the key. */
  readonly did: string;
  /** 64 bytes: Ed25519 (RFC 8032), or ECDSA over SHA-256 as r‖s with low s. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** An Ed25519 key as a signer of delegations. */
export function ed25519DelegationSigner(signer: Ed25519Signer): DelegationSigner {
  return {
    did: didKey(encodeMultikey(signer.publicKey)),
    sign: (message) => signer.sign(message),
  };
}

export interface DelegatorComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Clock;
  readonly signer: DelegationSigner;
  /** So many bytes by chance, of a generator fit for keys. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** A delegation to make, and its audience. */
export interface Grant {
  /** did:key. */
  readonly audience: string;
  /** 1–8 resources of this swarm. */
  readonly resources: readonly Resource[];
  readonly notBefore?: number | null;
  readonly expiry?: number | null;
  /** Signed extensions. */
  readonly ext?: Readonly<Record<string, unknown>>;
}

/** A delegation as it goes into a chain. */
export interface MadeLink {
  readonly link: Link;
  readonly bytes: Uint8Array;
}

/** Makes delegations from one key to others. */
export class Delegator {
  readonly #components: DelegatorComponents;
  readonly #swarm: string;

  constructor(components: DelegatorComponents, init: { readonly swarm: string }) {
    this.#components = components;
    this.#swarm = init.swarm;
  }

  /** did:key of the key that delegates. */
  get did(): string {
    return this.#components.signer.did;
  }

  /** Throws `NameError` or `IdentityError` for a grant that makes no delegation. */
  async delegate({
    audience,
    resources,
    notBefore = null,
    expiry = null,
    ext = {},
  }: Grant): Promise<MadeLink> {
    const { crypto, clock, signer, randomBytes } = this.#components;
    const body = encodeDelegationBody({
      issuer: signer.did,
      audience,
      resources: resources.map(formatResource),
      notBefore,
      expiry,
      time: clock.now(),
      nonce: randomBytes(DELEGATION_NONCE_BYTES),
      ext,
    });
    const signature = await signer.sign(delegationSigningBytes(this.#swarm, crypto.sha256(body)));
    const bytes = encodeDelegation(body, signature);
    return { link: decodeDelegation(bytes, crypto, this.#swarm).link, bytes };
  }
}

/** Delegation requested from a wallet. */
export interface SignInRequest extends Omit<Grant, 'ext'> {
  /** Host and, if any, port of who asks: the wallet compares it with the page it is on. */
  readonly domain: string;
  /** did:pkh of the wallet's account. */
  readonly issuer: string;
  /** 8–64 letters and digits by chance. */
  readonly nonce: string;
  /** When it is asked, milliseconds since the Unix epoch. */
  readonly time: number;
  /** A sentence for the user. */
  readonly statement?: string;
  readonly requestId?: string;
}

/** The fields of a sign-in that delegates; `signInMessage` makes its message. Throws `IdentityError` or `NameError`. */
export function createSignIn(request: SignInRequest): SignIn {
  const { domain, issuer, audience, resources, nonce, time, statement, requestId } = request;
  const { notBefore = null, expiry = null } = request;
  const signIn = {
    domain,
    iss: issuer,
    aud: audience,
    version: SIGN_IN_VERSION,
    nonce,
    iat: timeText(time),
    ...(notBefore === null ? {} : { nbf: timeText(notBefore) }),
    ...(expiry === null ? {} : { exp: timeText(expiry) }),
    ...(statement === undefined ? {} : { statement }),
    ...(requestId === undefined ? {} : { requestId }),
    resources: resources.map(formatResource),
  };
  return readPayload(signIn).signIn;
}

/**
 * The CACAO of a sign-in and its signature as the wallet gave it: `0x…` of an EVM wallet, base64 with or without the
 * prefix `smp` of a Bitcoin wallet, base58 of a Solana wallet, or the bytes. The signature is not verified here. Throws
 * `IdentityError`.
 */
export function makeCacao(
  components: { readonly crypto: Pick<Crypto, 'sha256'> },
  signIn: SignIn,
  signature: string | Uint8Array,
): MadeLink {
  const { signIn: checked, account } = readPayload(signIn);
  const raw = typeof signature === 'string' ? decodeSignature(account.chain, signature) : signature;
  const bytes = encodeCacao(checked, raw);
  return { link: decodeCacao(bytes, components.crypto).link, bytes };
}

/** The bytes of a signature as wallets write it. Throws `IdentityError` for a malformed one. */
export function decodeSignature(chain: WalletChain, text: string): Uint8Array {
  if (text.length > 2 * CHAIN_LINK_MAX_BYTES) throw badSignature('is too long');
  if (chain === 'solana') {
    const bytes = decodeBase58(text, SOLANA_SIGNATURE_MAX_LENGTH);
    if (bytes === null) throw badSignature('of a Solana wallet must be base58');
    return bytes;
  }
  if (chain === 'bip122') return decodeBip322(text);
  if (!/^0x(?:[0-9a-fA-F]{2})*$/.test(text)) throw badSignature('of an EVM wallet must be 0x and hex digits');
  if (text.length !== EIP191_HEX_LENGTH) throw contractWallet();
  return bytesOfHex(text.slice(2));
}

/** 64 bytes in base58. */
const SOLANA_SIGNATURE_MAX_LENGTH = 88;
const EIP191_HEX_LENGTH = 132;
/** Prefixes of BIP-322, version 2.0: simple, full, proof of funds. */
const BIP322_PREFIX = /^(smp|ful|pof)/;

function decodeBip322(text: string): Uint8Array {
  const [prefix = ''] = BIP322_PREFIX.exec(text) ?? [];
  if (prefix !== '' && prefix !== 'smp') throw badSignature('must be a simple one of BIP-322 (prefix smp)');
  try {
    return base64pad.baseDecode(text.slice(prefix.length));
  } catch {
    throw badSignature('of a Bitcoin wallet must be base64');
  }
}

function timeText(time: number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) throw new IdentityError('chain_field', 'time must be in milliseconds');
  return date.toISOString();
}

function badSignature(what: string): IdentityError {
  return new IdentityError('chain_field', `signature ${what}`);
}
