import { decodeBase58 } from './base58.ts';
import { didKey } from './did-key.ts';
import { NameError } from './names.ts';
import { parseKeyAddress } from './segwit.ts';

export type Curve = 'ed25519' | 'secp256k1';

/** A key (W3C did:key). */
export interface DidKey {
  readonly kind: 'key';
  readonly curve: Curve;
  /** 32 bytes of Ed25519, 33 of secp256k1 (compressed). */
  readonly publicKey: Uint8Array;
}

/** Namespaces of blockchains (CAIP-2) whose accounts may be identities. */
export type WalletChain = 'eip155' | 'bip122' | 'solana';

/** A wallet's account (did:pkh). */
export interface DidPkh {
  readonly kind: 'pkh';
  readonly chain: WalletChain;
  /** CAIP-2 reference: which of the chains. */
  readonly reference: string;
  /** `0x` and 40 hex digits in lower case; a segwit address; a key in base58. */
  readonly address: string;
}

export type Did = DidKey | DidPkh;

/** The longest DID that is taken: did:pkh of a P2TR address on regtest is shorter. */
export const DID_MAX_LENGTH = 128;

const KEY_START = 'did:key:';
const PKH_START = 'did:pkh:';
/** Chain, reference, address. */
const PKH_PARTS = 3;

const ED25519_BYTES = 34;
const SECP256K1_BYTES = 35;
/** Base58 length of 35 bytes. */
export const BASE58_MAX_LENGTH = 48;
const SOLANA_KEY_BYTES = 32;
/** CAIP-2: a reference has 32 characters at most. */
const EVM_CHAIN = /^[1-9][0-9]{0,31}$/;
const EVM_ADDRESS = /^0x[0-9a-f]{40}$/;

/** First 32 hex digits of the genesis block's hash, and what addresses begin with there. */
const BITCOIN_PREFIXES: Readonly<Record<string, string>> = {
  '000000000019d6689c085ae165831e93': 'bc',
  // testnet 3 and 4, signet
  '000000000933ea01ad0ee984209779ba': 'tb',
  '00000000da84f2bafbbc53dee25a72ae': 'tb',
  '00000008819873e925422c1ff0f99f7c': 'tb',
  // regtest
  '0f9188f13cb7b2c71f2a335e3a4fc328': 'bcrt',
};

/** First 32 characters of the genesis hash: mainnet, devnet, testnet. */
const SOLANA_CHAINS: ReadonlySet<string> = new Set([
  '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp',
  'EtWTRABZaYq6iMfeYKouRu166VU2xqa1',
  '4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z',
]);

/**
 * Reads a DID in its one canonical spelling: did:key of Ed25519 or secp256k1, did:pkh of an EVM account, a P2WPKH or
 * P2TR address, a Solana account. Throws `NameError` `bad_did` for every other one.
 */
export function parseDid(did: string): Did {
  if (did.length > DID_MAX_LENGTH) throw bad(`exceeds ${DID_MAX_LENGTH} characters`);
  if (did.startsWith(KEY_START)) return parseKey(did.slice(KEY_START.length));
  if (did.startsWith(PKH_START)) {
    const parts = did.slice(PKH_START.length).split(':', PKH_PARTS + 1);
    const [chain = '', reference = '', address = ''] = parts;
    if (parts.length === PKH_PARTS) return parsePkh(chain, reference, address);
  }
  throw bad('must be did:key:… or did:pkh:<chain>:<reference>:<address>');
}

/** Throws `NameError` `bad_did` for what `parseDid` does not read. */
export function checkDid(did: string): void {
  parseDid(did);
}

/** Throws `NameError` `bad_owner` for what is no DID: every namespace has an owner. */
export function checkOwnerDid(owner: string): void {
  try {
    parseDid(owner);
  } catch (error) {
    throw error instanceof NameError ? new NameError('bad_owner', error.message) : error;
  }
}

/** The canonical text of a DID. */
export function formatDid(did: Did): string {
  if (did.kind === 'pkh') return `did:pkh:${did.chain}:${did.reference}:${did.address}`;
  const [first, second] = did.curve === 'ed25519' ? [0xed, 0x01] : [0xe7, 0x01];
  return didKey(Uint8Array.of(first ?? 0, second ?? 0, ...did.publicKey));
}

function parseKey(text: string): DidKey {
  const multikey = text.startsWith('z') ? decodeBase58(text.slice(1), BASE58_MAX_LENGTH) : null;
  if (multikey === null) throw bad('of method key must be z and base58 in its one spelling');
  const publicKey = multikey.subarray(2);
  if (multikey.byteLength === ED25519_BYTES && multikey[0] === 0xed && multikey[1] === 0x01) {
    return { kind: 'key', curve: 'ed25519', publicKey };
  }
  const isCompressed = publicKey[0] === 0x02 || publicKey[0] === 0x03;
  if (
    multikey.byteLength === SECP256K1_BYTES &&
    multikey[0] === 0xe7 &&
    multikey[1] === 0x01 &&
    isCompressed
  ) {
    return { kind: 'key', curve: 'secp256k1', publicKey };
  }
  throw bad('of method key must be of an Ed25519 key or a compressed secp256k1 key');
}

function parsePkh(chain: string, reference: string, address: string): DidPkh {
  if (chain === 'eip155') {
    if (!EVM_CHAIN.test(reference)) throw bad('of eip155 must name a chain in decimal');
    if (!EVM_ADDRESS.test(address)) throw bad('of eip155 must end in 0x and 40 hex digits in lower case');
    return { kind: 'pkh', chain, reference, address };
  }
  if (chain === 'bip122') {
    const prefix = Object.hasOwn(BITCOIN_PREFIXES, reference) ? BITCOIN_PREFIXES[reference] : undefined;
    if (prefix === undefined) throw bad('of bip122 must name Bitcoin, its test networks or regtest');
    if (parseKeyAddress(address)?.prefix !== prefix) {
      throw bad('of bip122 must end in a P2WPKH or P2TR address of that network in lower case');
    }
    return { kind: 'pkh', chain, reference, address };
  }
  if (chain !== 'solana') throw bad('of method pkh must be of eip155, bip122 or solana');
  if (!SOLANA_CHAINS.has(reference)) throw bad('of solana must name mainnet, devnet or testnet');
  if (decodeBase58(address, BASE58_MAX_LENGTH)?.byteLength !== SOLANA_KEY_BYTES) {
    throw bad('of solana must end in a key of 32 bytes in base58');
  }
  return { kind: 'pkh', chain, reference, address };
}

function bad(what: string): NameError {
  return new NameError('bad_did', `DID ${what}`);
}
