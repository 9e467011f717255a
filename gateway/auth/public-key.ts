import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { decodeSignature, type Wallet } from './wallets.ts';

const COMPACT_BYTES = 64;

/** The key that made a signature which was found good: EVM in hex, uncompressed; Solana as its address; else nothing is told. */
export function publicKeyOf(wallet: Wallet, message: string, signature: string): string {
  if (wallet.chain === 'solana') return wallet.address;
  if (wallet.chain === 'bip122') return '';
  const bytes = decodeSignature(wallet, signature);
  const text = Buffer.from(message);
  const signed = Buffer.concat([Buffer.from(`\u0019Ethereum Signed Message:\n${text.byteLength}`), text]);
  const parity = (bytes[COMPACT_BYTES] ?? 0) % 27;
  const point = secp256k1.Signature.fromBytes(bytes.subarray(0, COMPACT_BYTES), 'compact')
    .addRecoveryBit(parity)
    .recoverPublicKey(keccak_256(signed));
  return `0x${point.toHex(false)}`;
}
