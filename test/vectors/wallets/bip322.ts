import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { bech32, bech32m } from '@scure/base';
import { SigHash } from '@scure/btc-signer';
import {
  type BitcoinNetwork,
  type BitcoinType,
  decodeDer,
  encodeDer,
  encodeWitness,
  mirrored,
  ORDER,
  secretOf,
  signBitcoin,
} from '../../support/wallets.ts';
import { hex, replaced, scalar, utf8, type WalletVector } from './vector.ts';

const MESSAGE = utf8('example.com wants you to sign in with your Bitcoin account');
const SECRET = secretOf(1);
const NETWORKS: readonly BitcoinNetwork[] = ['mainnet', 'testnet', 'regtest'];
const TYPES: readonly BitcoinType[] = ['p2wpkh', 'p2tr'];
const ALL = 1;

interface Signed {
  readonly address: string;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

function sign(
  type: BitcoinType,
  options: Partial<Parameters<typeof signBitcoin>[2]> = {},
  message = MESSAGE,
) {
  return { ...signBitcoin(SECRET, message, { type, ...options }), message };
}

const KEY_HASH = sign('p2wpkh');
const TAPROOT = sign('p2tr');

type Case = readonly [name: string, signed: Signed];
type Bad = readonly [name: string, changed: Partial<Signed>];

function goodCases(): Case[] {
  return [
    ...NETWORKS.flatMap((network) =>
      TYPES.map((type): Case => [`${type} on ${network}`, sign(type, { network })]),
    ),
    ...TYPES.flatMap((type): Case[] => [
      [`${type}, an empty message`, sign(type, {}, utf8(''))],
      [`${type}, a message in several scripts`, sign(type, {}, utf8('Maillon · 登录 · 🔗'))],
      [`${type}, 2 048 bytes`, sign(type, {}, new Uint8Array(2048).fill(0x62))],
      [
        `${type}: the network is no part of what is signed`,
        { ...sign(type), address: sign(type, { network: 'testnet' }).address },
      ],
    ]),
    ['p2tr, the whole transaction named', sign('p2tr', { sighash: SigHash.ALL })],
  ];
}

function stack(...items: readonly Uint8Array[]): Partial<Signed> {
  return { signature: encodeWitness(items) };
}

/** A signature and the type that says what of the transaction it is over. */
function typed(spelling: Uint8Array, type = ALL): Uint8Array {
  return Uint8Array.from([...spelling, type]);
}

function keyHashCases(): Bad[] {
  const [der = new Uint8Array(), key = new Uint8Array()] = KEY_HASH.witness;
  const bare = der.subarray(0, -1);
  const compact = decodeDer(bare);
  return [
    ['high s', stack(typed(encodeDer(mirrored(compact))), key)],
    ['r‖s instead of DER', stack(typed(compact), key)],
    ['DER with a zero before r', stack(typed(padded(bare)), key)],
    ['DER with a length in two bytes', stack(typed(longLength(bare)), key)],
    ['DER with a byte after it', stack(typed(Uint8Array.from([...bare, 0])), key)],
    ['DER whose sequence is too long', stack(typed(replaced(bare, 1, Uint8Array.of(bare.length - 1))), key)],
    ['DER with r that is longer than all', stack(typed(replaced(bare, 3, Uint8Array.of(0x60))), key)],
    ['DER with r of no bytes', stack(typed(Uint8Array.from([0x30, 5, 2, 0, 2, 1, 1])), key)],
    ['DER with r below 0', stack(typed(replaced(bare, 4, Uint8Array.of(0xff))), key)],
    ['DER with r and s of 0', stack(typed(Uint8Array.from([0x30, 6, 2, 1, 0, 2, 1, 0])), key)],
    ['DER of another kind', stack(typed(replaced(bare, 2, Uint8Array.of(3))), key)],
    ['no type', stack(bare, key)],
    ...[0, 2, 3, 0x81, 0xff].map((type): Bad => [`type ${type}`, stack(typed(bare, type), key)]),
    ['none of the outputs signed', sign('p2wpkh', { sighash: SigHash.NONE })],
    ['one output signed', sign('p2wpkh', { sighash: SigHash.SINGLE })],
    ['other inputs left open', sign('p2wpkh', { sighash: SigHash.ALL_ANYONECANPAY })],
    ['no signature', stack(new Uint8Array(), key)],
    ['no key', stack(der, new Uint8Array())],
    ['the signature alone', stack(der)],
    ['an item more', stack(der, key, new Uint8Array())],
    ['key and signature the other way round', stack(key, der)],
    ['an empty stack', stack()],
    ['a key of somebody else', stack(der, secp256k1.getPublicKey(secretOf(2)))],
    ['an uncompressed key', stack(der, secp256k1.getPublicKey(SECRET, false))],
    ['a signature of a P2TR address', { signature: TAPROOT.signature }],
    ...framingCases(KEY_HASH),
  ];
}

function padded(der: Uint8Array): Uint8Array {
  const [, length = 0, , r = 0] = der;
  return Uint8Array.from([0x30, length + 1, 2, r + 1, 0, ...der.subarray(4)]);
}

function longLength(der: Uint8Array): Uint8Array {
  return Uint8Array.from([0x30, 0x81, ...der.subarray(1)]);
}

function taprootCases(): Bad[] {
  const [signature = new Uint8Array()] = TAPROOT.witness;
  return [
    ['type 0 named', stack(typed(signature, 0))],
    ['type 1 named, not signed', stack(typed(signature, 1))],
    ['a type that does not exist', stack(typed(signature, 4))],
    ['none of the outputs signed', sign('p2tr', { sighash: SigHash.NONE })],
    ['one output signed', sign('p2tr', { sighash: SigHash.SINGLE })],
    ['other inputs left open', sign('p2tr', { sighash: SigHash.ALL_ANYONECANPAY })],
    ['an annex', stack(signature, Uint8Array.of(0x50))],
    ['a script', stack(Uint8Array.of(0x51), Uint8Array.from([0xc0, ...schnorr.getPublicKey(SECRET)]))],
    ['a byte less', stack(signature.subarray(0, 63))],
    ['two bytes more', stack(Uint8Array.from([...signature, 1, 1]))],
    ['no signature', stack(new Uint8Array())],
    ['an empty stack', stack()],
    ['s is the order', stack(replaced(signature, 32, scalar(ORDER)))],
    ['s is 0', stack(replaced(signature, 32, new Uint8Array(32)))],
    ['the point is beyond the field', stack(replaced(signature, 0, new Uint8Array(32).fill(0xff)))],
    ['n - s', stack(mirrored(signature))],
    ['a signature of a P2WPKH address', { signature: KEY_HASH.signature }],
    ['an address without a point', { address: addressOf(bech32m, 'bc', 1, new Uint8Array(32).fill(0xff)) }],
    ...framingCases(TAPROOT),
  ];
}

/** The same for both: how the stack is serialised. */
function framingCases({ signature }: Signed): Bad[] {
  return [
    ['nothing at all', { signature: new Uint8Array() }],
    ['a byte after the stack', { signature: Uint8Array.from([...signature, 0]) }],
    ['the last byte missing', { signature: signature.subarray(0, -1) }],
    ['an item fewer than counted', { signature: replaced(signature, 0, Uint8Array.of(3)) }],
    [
      'the count in three bytes',
      { signature: Uint8Array.from([0xfd, signature[0] ?? 0, 0, ...signature.subarray(1)]) },
    ],
    ['as the text form has it', { signature: utf8(`smp${Buffer.from(signature).toString('base64')}`) }],
    ['another message', { message: utf8('example.com') }],
  ];
}

function addressCases({ address }: Signed): Bad[] {
  const last = address.at(-1) === 'q' ? 'p' : 'q';
  return [
    ['the address in capitals', { address: address.toUpperCase() }],
    ['one capital in the address', { address: address.replace('bc1', 'Bc1') }],
    ['a wrong checksum', { address: address.slice(0, -1) + last }],
    ['no address', { address: '' }],
    ['spaces around the address', { address: ` ${address}` }],
    ['an address that is much too long', { address: address.repeat(100) }],
  ];
}

function programCases(): Bad[] {
  const keyHash = programOf(bech32, KEY_HASH.address);
  const key = programOf(bech32m, TAPROOT.address);
  return [
    ['version 0 with the checksum of version 1', { address: addressOf(bech32m, 'bc', 0, keyHash) }],
    ['version 1 of 20 bytes', { address: addressOf(bech32m, 'bc', 1, keyHash) }],
    ['version 0 of 32 bytes (P2WSH)', { address: addressOf(bech32, 'bc', 0, key) }],
    ['version 2', { address: addressOf(bech32m, 'bc', 2, keyHash) }],
    ['another currency', { address: addressOf(bech32, 'ltc', 0, keyHash) }],
    ['P2PKH', { address: '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2' }],
  ];
}

function programOf(encoding: typeof bech32, address: string): Uint8Array {
  const { words } = encoding.decode(address as `${string}1${string}`);
  return encoding.fromWords(words.slice(1));
}

function addressOf(encoding: typeof bech32, prefix: string, version: number, program: Uint8Array): string {
  return encoding.encode(prefix, [version, ...encoding.toWords(program)]);
}

function bad(base: Signed, type: string, cases: readonly Bad[]): WalletVector[] {
  return cases.map(([name, changed]) => vectorOf(`${type}, ${name}`, { ...base, ...changed }, false));
}

export function bip322Vectors(): WalletVector[] {
  return [
    ...goodCases().map(([name, signed]) => vectorOf(name, signed, true)),
    ...bad(KEY_HASH, 'p2wpkh', [...keyHashCases(), ...addressCases(KEY_HASH), ...programCases()]),
    ...bad(TAPROOT, 'p2tr', [
      ...taprootCases(),
      ...addressCases(TAPROOT),
      [
        'the checksum of version 0',
        { address: addressOf(bech32, 'bc', 1, programOf(bech32m, TAPROOT.address)) },
      ],
    ]),
  ];
}

function vectorOf(name: string, { address, message, signature }: Signed, valid: boolean): WalletVector {
  return { name, kind: 'bip322', signer: address, message: hex(message), signature: hex(signature), valid };
}
