import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { mirrored, ORDER, secretOf, signPersonal } from '../../support/wallets.ts';
import { hex, replaced, scalar, utf8, type WalletVector } from './vector.ts';

const MESSAGE = utf8('example.com wants you to sign in with your Ethereum account');
const V = 64;

interface Case {
  readonly name: string;
  readonly valid: boolean;
  readonly address: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** Signatures over `MESSAGE` whose v is 27 and 28. */
async function bothParities(): Promise<[Signed, Signed]> {
  const found = new Map<number, Signed>();
  for (let number = 0; found.size < 2; number++) {
    const signed = { ...(await signPersonal(secretOf(number), MESSAGE)), message: MESSAGE };
    const v = signed.signature[V] ?? 0;
    if (!found.has(v)) found.set(v, signed);
  }
  return [found.get(27) as Signed, found.get(28) as Signed];
}

interface Signed {
  readonly address: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

async function validCases(even: Signed, odd: Signed): Promise<Case[]> {
  const messages: [string, Uint8Array][] = [
    ['an empty message', utf8('')],
    ['a message in several scripts', utf8('Se connecter à Maillon · 登录 · 🔗')],
    ['a message that is not UTF-8', Uint8Array.of(0xff, 0x00, 0xfe)],
    ['a message of 100 bytes: its length has three digits', new Uint8Array(100).fill(0x61)],
    ['a message of 2 048 bytes', new Uint8Array(2048).fill(0x62)],
  ];
  const signed = await Promise.all(
    messages.map(async ([name, message]): Promise<Case> => {
      const { address, signature } = await signPersonal(secretOf(1), message);
      return { name, valid: true, address, message, signature };
    }),
  );
  return [
    { name: 'v 27', valid: true, ...even },
    { name: 'v 28', valid: true, ...odd },
    { ...even, name: 'v 0', valid: true, signature: withV(even, 0) },
    { ...odd, name: 'v 1', valid: true, signature: withV(odd, 1) },
    ...signed,
  ];
}

function withV({ signature }: Signed, v: number): Uint8Array {
  return replaced(signature, V, Uint8Array.of(v));
}

function invalidCases(even: Signed, odd: Signed): Case[] {
  const { address, signature } = even;
  const bad = (name: string, changed: Partial<Signed>, of = even): Case => ({
    ...of,
    ...changed,
    name,
    valid: false,
  });
  const zero = new Uint8Array(32);
  return [
    bad('high s', { signature: mirrored(signature) }),
    bad('high s, v 0 or 1', { signature: replaced(mirrored(signature), V, Uint8Array.of(1)) }),
    bad('v names the other point', { signature: withV(even, 28) }),
    bad('v names the other point', { signature: withV(odd, 0) }, odd),
    ...[2, 3, 26, 29, 30, 31, 35, 37, 38, 255].map((v) => bad(`v ${v}`, { signature: withV(even, v) })),
    bad('no v', { signature: signature.subarray(0, V) }),
    bad('a byte more', { signature: Uint8Array.from([...signature, 0]) }),
    bad('no signature', { signature: new Uint8Array() }),
    bad('r is 0', { signature: replaced(signature, 0, zero) }),
    bad('s is 0', { signature: replaced(signature, 32, zero) }),
    bad('r is the order', { signature: replaced(signature, 0, scalar(ORDER)) }),
    bad('s is the order', { signature: replaced(signature, 32, scalar(ORDER)) }),
    bad('r and s are 0, of the account 0', {
      signature: replaced(signature, 0, new Uint8Array(64)),
      address: new Uint8Array(20),
    }),
    bad('another message', { message: utf8('example.com wants you to sign in with your Ethereum account.') }),
    bad('another account', { address: odd.address }),
    bad('an account of 32 bytes', { address: Uint8Array.from([...new Uint8Array(12), ...address]) }),
    bad('no account', { address: new Uint8Array() }),
    bad('signed without the prefix of personal messages', { signature: withoutPrefix() }, byWallet1()),
  ];
}

function byWallet1(): Signed {
  const key = secp256k1.getPublicKey(secretOf(1), false);
  return { address: keccak_256(key.subarray(1)).subarray(12), message: MESSAGE, signature: withoutPrefix() };
}

function withoutPrefix(): Uint8Array {
  const options = { prehash: false, format: 'recovered' } as const;
  const [recovery = 0, ...rest] = secp256k1.sign(keccak_256(MESSAGE), secretOf(1), options);
  return Uint8Array.from([...rest, recovery + 27]);
}

export async function eip191Vectors(): Promise<WalletVector[]> {
  const [even, odd] = await bothParities();
  const cases = [...(await validCases(even, odd)), ...invalidCases(even, odd)];
  return cases.map(({ name, valid, address, message, signature }) => {
    return {
      name,
      kind: 'eip191',
      signer: hex(address),
      message: hex(message),
      signature: hex(signature),
      valid,
    };
  });
}
