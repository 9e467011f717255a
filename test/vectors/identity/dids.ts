import { base58, didOf } from '../../support/did.ts';
import { secp256k1Principal, session } from '../../support/identities.ts';
import type { DidVector } from './vector.ts';

const BITCOIN = '000000000019d6689c085ae165831e93';
const SOLANA = '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp';
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Hex of base58 text without leading zeros. */
function hexOf(text: string): string {
  const value = Array.from(text).reduce((sum, one) => sum * 58n + BigInt(ALPHABET.indexOf(one)), 0n);
  const hex = value.toString(16);
  return hex.padStart(hex.length + (hex.length % 2), '0');
}

function key(name: string, did: string, curve: string): DidVector {
  return { name, did, valid: true, curve, publicKey: hexOf(did.slice('did:key:z'.length)).slice(4) };
}

function account(name: string, chain: string, reference: string, address: string): DidVector {
  const did = `did:pkh:${chain}:${reference}:${address}`;
  return { name, did, valid: true, chain, reference, address };
}

function invalid(name: string, did: string): DidVector {
  return { name, did, valid: false };
}

function keys(): DidVector[] {
  const ed25519 = [
    'z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp',
    'z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG',
    'z6MknGc3ocHs3zdPiJbnaaqDi58NGb4pk1Sp9WxWufuXSdxf',
  ];
  const secp256k1 = [
    'zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme',
    'zQ3shtxV1FrJfhqE1dvxYRcCknWNjHc3c5X1y3ZSoPDi2aur2',
    'zQ3shZc2QzApp2oymGvQbzP8eKheVshBHbU4ZYjeXqwSKEn6N',
  ];
  return [
    ...ed25519.map((text, at) => key(`did:key's Ed25519 example ${at + 1}`, `did:key:${text}`, 'ed25519')),
    ...secp256k1.map((text, at) =>
      key(`did:key's secp256k1 example ${at + 1}`, `did:key:${text}`, 'secp256k1'),
    ),
    key('an Ed25519 key', session(7).did, 'ed25519'),
    key('a secp256k1 key', secp256k1Principal(7).did, 'secp256k1'),
  ];
}

function accounts(): DidVector[] {
  const witness = 'w508d6qejxtdg4y5r3zarvary0c5xw7k';
  return [
    account('did:pkh’s example on Ethereum', 'eip155', '1', '0xb9c5714089478a327f09197987f16f9e5d936e8a'),
    account('did:pkh’s example on Celo', 'eip155', '42220', '0xa0ae58da58dfa46fa55c3b86545e7065f90ff011'),
    account('a chain of 32 digits', 'eip155', '9'.repeat(32), `0x${'0'.repeat(40)}`),
    account('BIP-173’s P2WPKH', 'bip122', BITCOIN, `bc1q${witness}v8f3t4`),
    account('BIP-173’s on testnet 3', 'bip122', '000000000933ea01ad0ee984209779ba', `tb1q${witness}xpjzsx`),
    account('BIP-173’s on testnet 4', 'bip122', '00000000da84f2bafbbc53dee25a72ae', `tb1q${witness}xpjzsx`),
    account('BIP-173’s on signet', 'bip122', '00000008819873e925422c1ff0f99f7c', `tb1q${witness}xpjzsx`),
    account(
      'BIP-350’s P2TR',
      'bip122',
      BITCOIN,
      'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
    ),
    account('Solana', 'solana', SOLANA, 'GwAF45zjfyGzUbd3i3hXxzGeuchzEZXwpRYHZM5912F1'),
    account('Solana’s system program: a key of zeros', 'solana', SOLANA, '1'.repeat(32)),
    account(
      'Solana’s devnet',
      'solana',
      'EtWTRABZaYq6iMfeYKouRu166VU2xqa1',
      base58(session(1).author.publicKey),
    ),
    account(
      'Solana’s testnet',
      'solana',
      '4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z',
      base58(session(1).author.publicKey),
    ),
  ];
}

function invalidKeys(): DidVector[] {
  const { did, author } = session(7);
  const [first = 0, ...rest] = author.multikey;
  const compressed = Buffer.concat([Buffer.of(0xe7, 0x01, 0x04), author.publicKey]);
  return [
    invalid('nothing', ''),
    invalid('no DID', 'https://example.org'),
    invalid('another method', 'did:web:example.org'),
    invalid('no key', 'did:key:'),
    invalid('a key and something', `${did}:x`),
    invalid('a key with a fragment', `${did}#${did.slice(8)}`),
    invalid('a space behind', `${did} `),
    invalid('a capital', did.replace('did:key', 'DID:key')),
    invalid('another base', `did:key:u${author.multikey.toString('base64url')}`),
    invalid('a character that base58 has not', `${did.slice(0, -1)}0`),
    invalid('a leading zero', `did:key:z1${did.slice('did:key:z'.length)}`),
    invalid('a key of 31 bytes', didOf({ multikey: author.multikey.subarray(0, 33) })),
    invalid('a key of 33 bytes', didOf({ multikey: Buffer.concat([author.multikey, Buffer.of(1)]) })),
    invalid('a longer varint', didOf({ multikey: Buffer.of(first, 0x81, 0x00, ...rest.slice(1)) })),
    invalid('did:key’s X25519 example', 'did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F'),
    invalid('did:key’s P-256 example', 'did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv'),
    invalid('a secp256k1 key that is not compressed', didOf({ multikey: compressed })),
    invalid('a text of 129 characters', `did:key:z${'6'.repeat(120)}`),
    invalid('a text of a megabyte', `did:key:z${'6'.repeat(1000)}`),
  ];
}

function invalidAccounts(): DidVector[] {
  const pkh = 'did:pkh:bip122';
  const taproot = 'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v';
  return [
    invalid('EIP-55 capitals', 'did:pkh:eip155:1:0xB9C5714089478a327F09197987f16f9E5d936E8a'),
    invalid('an EVM address without 0x', 'did:pkh:eip155:1:b9c5714089478a327f09197987f16f9e5d936e8a'),
    invalid('an EVM address of 19 bytes', `did:pkh:eip155:1:0x${'0'.repeat(38)}`),
    invalid('an EVM address of 21 bytes', `did:pkh:eip155:1:0x${'0'.repeat(42)}`),
    invalid('chain 0', `did:pkh:eip155:0:0x${'0'.repeat(40)}`),
    invalid('chain 01', `did:pkh:eip155:01:0x${'0'.repeat(40)}`),
    invalid('a chain of 33 digits', `did:pkh:eip155:${'9'.repeat(33)}:0x${'0'.repeat(40)}`),
    invalid('a chain in hex', `did:pkh:eip155:0x1:0x${'0'.repeat(40)}`),
    invalid('no address', 'did:pkh:eip155:1'),
    invalid('an address and something', `did:pkh:eip155:1:0x${'0'.repeat(40)}:x`),
    invalid('did:pkh’s P2PKH example', `${pkh}:${BITCOIN}:128Lkh3S7CkDTBZ8W7BbpsN3YYizJMp8p6`),
    invalid('P2WSH', `${pkh}:${BITCOIN}:bc1qp0ahvfh83088w49k405szqgg4f3pptr7p2g06tdxfjcd40z4lh4q95lsz9`),
    invalid('BIP-173’s in capitals', `${pkh}:${BITCOIN}:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4`),
    invalid('an address of another network', `${pkh}:${BITCOIN}:tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx`),
    invalid('an unknown network', `${pkh}:${'0'.repeat(32)}:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4`),
    invalid(
      'a network that objects have by themselves',
      `${pkh}:constructor:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4`,
    ),
    invalid('BIP-350: Bech32 for version 1', `${pkh}:${BITCOIN}:${taproot}qh2y7hd`),
    invalid('BIP-350: Bech32m for version 0', `${pkh}:${BITCOIN}:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh`),
    invalid('BIP-350: a wrong character', `${pkh}:${BITCOIN}:${taproot.slice(0, -1)}ql3jow4`),
    invalid('BIP-350: a program of one byte', `${pkh}:${BITCOIN}:bc1pw5dgrnzv`),
    invalid('BIP-350: a program of 41 bytes', `${pkh}:${BITCOIN}:${taproot}8n0nx0muaewav253zgeav`),
    invalid('BIP-350: padding of more than 4 bits', `${pkh}:${BITCOIN}:${taproot}07qwwzcrf`),
    invalid('BIP-350: no data', `${pkh}:${BITCOIN}:bc1gmk9yu`),
    invalid('BIP-350: version 16', `${pkh}:${BITCOIN}:bc1sw50qgdz25j`),
    invalid(
      'did:pkh’s Solana example',
      'did:pkh:solana:4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZ:CKg5d12Jhpej1JqtmxLJgaFqqeYjxgPqToJ4LBdvG9Ev',
    ),
    invalid('a Solana key of 31 bytes', `did:pkh:solana:${SOLANA}:${base58(Buffer.alloc(31, 1))}`),
    invalid('a Solana key of 33 bytes', `did:pkh:solana:${SOLANA}:${base58(Buffer.alloc(33, 1))}`),
    invalid('did:pkh’s Tezos example', 'did:pkh:tezos:NetXdQprcVkpaWU:tz1TzrmTBSuiVHV2VfMnGRMYvTEPCP42oSM8'),
  ];
}

export function didVectors(): DidVector[] {
  return [...keys(), ...accounts(), ...invalidKeys(), ...invalidAccounts()];
}
