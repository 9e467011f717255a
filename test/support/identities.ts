/**
 * Keys, wallets and links made from identity/SPEC.md and the texts it names alone: nothing of the code under test is in
 * here.
 */
import { sign } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import * as cbor from './cbor.ts';
import { base58, didOf } from './did.ts';
import { AUTHOR, type Author, authorOf, OTHER_AUTHOR, SWARM, sha256, TIME } from './envelopes.ts';
import { type BitcoinType, signBitcoin } from './wallets.ts';

/** Somebody who signs delegations. */
export interface Principal {
  readonly did: string;
  sign(this: void, message: Uint8Array): Buffer;
}

export interface Session extends Principal {
  readonly author: Author;
}

export function sessionOf(author: Author): Session {
  return { author, did: didOf(author), sign: (message) => sign(null, message, author.key) };
}

/** An Ed25519 key whose seed is `byte` 32 times. */
export function session(byte: number): Session {
  return sessionOf(authorOf(Buffer.alloc(32, byte)));
}

/** The owner and the session of the SPEC's example: seeds 00 01 … 1f and 07 … 07. */
export const OWNER = sessionOf(AUTHOR);
export const SESSION = sessionOf(OTHER_AUTHOR);

const COMPACT = { prehash: false, lowS: true, format: 'compact' } as const;

/** A secp256k1 key whose secret is `byte` 32 times. */
export function secp256k1Principal(byte: number): Principal {
  const secret = Buffer.alloc(32, byte);
  const multikey = Buffer.concat([Buffer.of(0xe7, 0x01), secp256k1.getPublicKey(secret, true)]);
  return {
    did: didOf({ multikey }),
    sign: (message) => Buffer.from(secp256k1.sign(sha256(message), secret, COMPACT)),
  };
}

/** A wallet: it signs texts. */
export interface Wallet {
  readonly did: string;
  /** As it stands in a message. */
  readonly account: string;
  /** Name of the chain in a message. */
  readonly name: 'Ethereum' | 'Bitcoin' | 'Solana';
  readonly chainId: string;
  readonly header: string;
  readonly type: string;
  sign(this: void, message: string): Buffer;
}

function eip55(digits: string): string {
  const digest = Buffer.from(keccak_256(Buffer.from(digits))).toString('hex');
  const capital = (at: number): boolean => Number.parseInt(digest[at] ?? '0', 16) > 7;
  return `0x${Array.from(digits, (digit, at) => (capital(at) ? digit.toUpperCase() : digit)).join('')}`;
}

/** An EVM account whose secret is `byte` 32 times. */
export function evmWallet(byte: number, chainId = '1'): Wallet {
  const secret = Buffer.alloc(32, byte);
  const point = secp256k1.getPublicKey(secret, false).subarray(1);
  const address = Buffer.from(keccak_256(point)).subarray(12).toString('hex');
  return {
    did: `did:pkh:eip155:${chainId}:0x${address}`,
    account: eip55(address),
    name: 'Ethereum',
    chainId,
    header: 'eip4361',
    type: 'eip191',
    sign: (message) => {
      const text = Buffer.from(`\u0019Ethereum Signed Message:\n${Buffer.byteLength(message)}${message}`);
      const form = { prehash: false, lowS: true, format: 'recovered' } as const;
      const [recovery = 0, ...rs] = secp256k1.sign(keccak_256(text), secret, form);
      return Buffer.from([...rs, 27 + recovery]);
    },
  };
}

export function solanaWallet(byte: number): Wallet {
  const { key, publicKey } = authorOf(Buffer.alloc(32, byte));
  const chainId = '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp';
  return {
    did: `did:pkh:solana:${chainId}:${base58(publicKey)}`,
    account: base58(publicKey),
    name: 'Solana',
    chainId,
    header: 'caip122',
    type: 'solana:ed25519',
    sign: (message) => sign(null, Buffer.from(message), key),
  };
}

const MAINNET = '000000000019d6689c085ae165831e93';

/** An address on Bitcoin whose secret is `byte` 32 times; it signs by BIP-322, simple. */
export function bitcoinWallet(byte: number, type: BitcoinType): Wallet {
  const secret = Buffer.alloc(32, byte);
  const { address: account } = signBitcoin(secret, Buffer.alloc(0), { type });
  return {
    did: `did:pkh:bip122:${MAINNET}:${account}`,
    account,
    name: 'Bitcoin',
    chainId: MAINNET,
    header: 'caip122',
    type: 'bip322',
    sign: (message) => Buffer.from(signBitcoin(secret, Buffer.from(message), { type }).signature),
  };
}

/** The items of a delegation's body, each as its bytes on the wire. */
export interface DelegationItems {
  readonly version: Buffer;
  readonly issuer: Buffer;
  readonly audience: Buffer;
  readonly resources: Buffer;
  readonly notBefore: Buffer;
  readonly expiry: Buffer;
  readonly time: Buffer;
  readonly nonce: Buffer;
  readonly ext: Buffer;
}

export function texts(...list: readonly string[]): Buffer {
  return cbor.list(list.map((one) => cbor.text(one)));
}

/** A resource's URI as it stands: nothing is escaped or checked. */
export function uri(
  owner: string,
  namespace = '*',
  actions = 'admin,publish,read,write',
  prefix = '',
): string {
  return `maillon://${SWARM}/${owner}/${namespace}/${actions}/${prefix}`;
}

/** From the SPEC's example of an owner to its session: everything, for ever. */
export function delegationItems(issuer: Principal, audience: Principal): DelegationItems {
  return {
    version: cbor.integer(1),
    issuer: cbor.text(issuer.did),
    audience: cbor.text(audience.did),
    resources: texts(uri(issuer.did)),
    notBefore: cbor.NULL,
    expiry: cbor.NULL,
    time: cbor.integer(TIME),
    nonce: cbor.bytes(Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')),
    ext: cbor.map([]),
  };
}

function itemBytes(items: DelegationItems): Buffer {
  const { version, issuer, audience, resources, notBefore, expiry, time, nonce, ext } = items;
  return Buffer.concat([version, issuer, audience, resources, notBefore, expiry, time, nonce, ext]);
}

export function delegationBody(items: DelegationItems): Buffer {
  return Buffer.concat([Buffer.of(0x89), itemBytes(items)]);
}

export function delegationSigned(items: DelegationItems, swarm = SWARM): Buffer {
  const digest = sha256(delegationBody(items));
  return cbor.list([cbor.text('maillon/delegation/1'), cbor.text(swarm), cbor.bytes(digest)]);
}

export function delegationWire(items: DelegationItems, signature: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x8a), itemBytes(items), cbor.bytes(signature)]);
}

/** A signed delegation; items that are given stand in it as they are. */
export function delegation(
  issuer: Principal,
  audience: Principal,
  other: Partial<DelegationItems> = {},
  swarm = SWARM,
): Buffer {
  const items = { ...delegationItems(issuer, audience), ...other };
  return delegationWire(items, issuer.sign(delegationSigned(items, swarm)));
}

/** Payload a wallet signs, in the terms of CAIP-74. */
export interface Payload {
  readonly domain: string;
  readonly iss: string;
  readonly aud: string;
  readonly version: string;
  readonly nonce: string;
  readonly iat: string;
  readonly nbf?: string;
  readonly exp?: string;
  readonly statement?: string;
  readonly requestId?: string;
  readonly resources?: readonly string[];
}

export function payloadOf(wallet: Wallet, audience: Principal, other: Partial<Payload> = {}): Payload {
  return {
    domain: 'app.example.org',
    iss: wallet.did,
    aud: audience.did,
    version: '1',
    nonce: '3289175612345678',
    iat: '2025-11-21T00:00:00.000Z',
    resources: [uri(wallet.did)],
    ...other,
  };
}

/** The message of EIP-4361 and its likes. */
export function messageOf(wallet: Wallet, payload: Payload): string {
  const { statement, exp, nbf, requestId, resources } = payload;
  const lines = [
    `${payload.domain} wants you to sign in with your ${wallet.name} account:`,
    wallet.account,
    '',
    ...(statement === undefined ? [] : [statement]),
    '',
    `URI: ${payload.aud}`,
    `Version: ${payload.version}`,
    `Chain ID: ${wallet.chainId}`,
    `Nonce: ${payload.nonce}`,
    `Issued At: ${payload.iat}`,
  ];
  if (exp !== undefined) lines.push(`Expiration Time: ${exp}`);
  if (nbf !== undefined) lines.push(`Not Before: ${nbf}`);
  if (requestId !== undefined) lines.push(`Request ID: ${requestId}`);
  if (resources !== undefined) lines.push('Resources:', ...resources.map((resource) => `- ${resource}`));
  return lines.join('\n');
}

/** Keys of a payload in the order of DAG-CBOR: the shorter first, then bytewise. */
const PAYLOAD_KEYS = [
  'aud',
  'exp',
  'iat',
  'iss',
  'nbf',
  'nonce',
  'domain',
  'version',
  'requestId',
  'resources',
  'statement',
] as const;

export type Entries = readonly (readonly [string, Buffer])[];

export function payloadEntries(payload: Payload): Entries {
  return PAYLOAD_KEYS.flatMap((key) => {
    const value = payload[key];
    if (value === undefined) return [];
    return [[key, typeof value === 'string' ? cbor.text(value) : texts(...value)] as const];
  });
}

/** A CACAO of parts as they stand. */
export function cacaoOf(header: string, payload: Entries, type: string, signature: Buffer): Buffer {
  return cbor.map([
    ['h', cbor.map([['t', cbor.text(header)]])],
    ['p', cbor.map(payload)],
    [
      's',
      cbor.map([
        ['s', signature],
        ['t', cbor.text(type)],
      ]),
    ],
  ]);
}

/** A revocation of a CACAO names the SHA-256 of these bytes. */
export function cacaoBody(header: string, payload: Entries): Buffer {
  return cbor.map([
    ['h', cbor.map([['t', cbor.text(header)]])],
    ['p', cbor.map(payload)],
  ]);
}

/** A signed CACAO. */
export function cacao(wallet: Wallet, audience: Principal, other: Partial<Payload> = {}): Buffer {
  const payload = payloadOf(wallet, audience, other);
  const signature = cbor.bytes(wallet.sign(messageOf(wallet, payload)));
  return cacaoOf(wallet.header, payloadEntries(payload), wallet.type, signature);
}
