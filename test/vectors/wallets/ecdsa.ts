import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { encodeDer, mirrored, ORDER, secretOf, signSecp256k1 } from '../../support/wallets.ts';
import { hex, replaced, scalar, utf8, type WalletVector } from './vector.ts';

const MESSAGE = utf8('maillon/delegation/1');
const PRIME = secp256k1.Point.CURVE().p;
const EVEN = 2;
const ODD = 3;

interface Signed {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** By the first wallet whose public key begins with `first`. */
function signedBy(first: number, message = MESSAGE): Signed {
  for (let number = 0; ; number++) {
    const signed = { ...signSecp256k1(secretOf(number), message), message };
    if (signed.publicKey[0] === first) return signed;
  }
}

/** The least x without a point on the curve. */
function notOnCurve(): Uint8Array {
  for (let x = 1n; ; x++) {
    const key = Uint8Array.from([EVEN, ...scalar(x)]);
    if (!secp256k1.utils.isValidPublicKey(key)) return key;
  }
}

export function ecdsaVectors(): WalletVector[] {
  const even = signedBy(EVEN);
  const { publicKey, signature } = even;
  const uncompressed = secp256k1.Point.fromBytes(publicKey).toBytes(false);
  const zero = new Uint8Array(32);
  const good: [string, Signed][] = [
    ['a key with an even y', even],
    ['a key with an odd y', signedBy(ODD)],
    ['an empty message', signedBy(EVEN, utf8(''))],
    ['a message of 2 048 bytes', signedBy(ODD, new Uint8Array(2048).fill(0x62))],
  ];
  const bad: [string, Partial<Signed>][] = [
    ['high s', { signature: mirrored(signature) }],
    ['another message', { message: utf8('maillon/delegation/2') }],
    ['another key', { publicKey: signedBy(ODD).publicKey }],
    ['the key with the other y', { publicKey: replaced(publicKey, 0, Uint8Array.of(ODD)) }],
    ['an uncompressed key', { publicKey: uncompressed }],
    ['an x-only key', { publicKey: publicKey.subarray(1) }],
    ['a hybrid key', { publicKey: replaced(uncompressed, 0, Uint8Array.of(6)) }],
    ['a key that begins with 4', { publicKey: replaced(publicKey, 0, Uint8Array.of(4)) }],
    ['a key without a point', { publicKey: notOnCurve() }],
    ['a key beyond the field', { publicKey: replaced(publicKey, 1, scalar(PRIME)) }],
    ['no key', { publicKey: new Uint8Array() }],
    ['r is 0', { signature: replaced(signature, 0, zero) }],
    ['s is 0', { signature: replaced(signature, 32, zero) }],
    ['r is the order', { signature: replaced(signature, 0, scalar(ORDER)) }],
    ['s is the order', { signature: replaced(signature, 32, scalar(ORDER)) }],
    ['a byte less', { signature: signature.subarray(0, 63) }],
    ['a byte more', { signature: Uint8Array.from([...signature, 0]) }],
    ['in DER', { signature: encodeDer(signature) }],
    ['the digest was signed, not the message', { message: sha256(MESSAGE) }],
  ];
  return [
    ...good.map(([name, signed]) => vectorOf(name, signed, true)),
    ...bad.map(([name, changed]) => vectorOf(name, { ...even, ...changed }, false)),
  ];
}

function vectorOf(name: string, { publicKey, message, signature }: Signed, valid: boolean): WalletVector {
  return {
    name,
    kind: 'secp256k1',
    signer: hex(publicKey),
    message: hex(message),
    signature: hex(signature),
    valid,
  };
}
