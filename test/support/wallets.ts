/** Signatures of wallets, made by libraries that the product does not use for it: viem, @scure/btc-signer, @noble/curves. */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import {
  NETWORK,
  p2tr,
  p2wpkh,
  RawWitness,
  type SigHash,
  TEST_NETWORK,
  Transaction,
} from '@scure/btc-signer';
import { RawOldTx } from '@scure/btc-signer/script.js';
import { toHex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

export type BitcoinType = 'p2wpkh' | 'p2tr';
export type BitcoinNetwork = 'mainnet' | 'testnet' | 'regtest';

export const ORDER = secp256k1.Point.CURVE().n;

const NETWORKS = { mainnet: NETWORK, testnet: TEST_NETWORK, regtest: { ...TEST_NETWORK, bech32: 'bcrt' } };
const OP_RETURN = 0x6a;

/** A private key, the same for the same number. */
export function secretOf(number: number): Uint8Array {
  return sha256(new TextEncoder().encode(`wallet ${number}`));
}

/** EIP-191 by viem. */
export async function signPersonal(
  secret: Uint8Array,
  message: Uint8Array,
): Promise<{ readonly address: Uint8Array; readonly signature: Uint8Array }> {
  const account = privateKeyToAccount(toHex(secret));
  const signature = await account.signMessage({ message: { raw: message } });
  return { address: unhex(account.address), signature: unhex(signature) };
}

/** r‖s over SHA-256 of `message`. */
export function signSecp256k1(
  secret: Uint8Array,
  message: Uint8Array,
): { readonly publicKey: Uint8Array; readonly signature: Uint8Array } {
  return { publicKey: secp256k1.getPublicKey(secret, true), signature: secp256k1.sign(message, secret) };
}

export interface BitcoinRequest {
  readonly type: BitcoinType;
  readonly network?: BitcoinNetwork;
  /** For P2TR: the default where absent. */
  readonly sighash?: SigHash;
}

/** BIP-322 simple: `signature` is the serialised witness stack, and `witness` its items. */
export function signBitcoin(
  secret: Uint8Array,
  message: Uint8Array,
  { type, network = 'mainnet', sighash }: BitcoinRequest,
): {
  readonly address: string;
  readonly signature: Uint8Array;
  readonly witness: readonly Uint8Array[];
} {
  const payment = paymentOf(secret, type, network);
  const transaction = new Transaction({ version: 0, allowUnknownVersion: true, allowUnknownOutputs: true });
  transaction.addInput({
    ...payment,
    txid: toSpendId(payment.script, message),
    index: 0,
    sequence: 0,
    witnessUtxo: { script: payment.script, amount: 0n },
    ...(sighash === undefined ? {} : { sighashType: sighash }),
  });
  transaction.addOutput({ amount: 0n, script: Uint8Array.of(OP_RETURN) });
  // no randomness: the vectors have to come out the same
  transaction.signIdx(secret, 0, sighash === undefined ? undefined : [sighash], new Uint8Array(32));
  transaction.finalize();
  const witness = transaction.getInput(0).finalScriptWitness ?? [];
  return { address: payment.address ?? '', signature: encodeWitness(witness), witness };
}

function paymentOf(secret: Uint8Array, type: BitcoinType, network: BitcoinNetwork) {
  if (type === 'p2wpkh') return p2wpkh(secp256k1.getPublicKey(secret, true), NETWORKS[network]);
  return p2tr(schnorr.getPublicKey(secret), undefined, NETWORKS[network]);
}

/** Id of BIP-322's *to_spend*, as texts have it. */
function toSpendId(script: Uint8Array, message: Uint8Array): Uint8Array {
  const tag = sha256(new TextEncoder().encode('BIP0322-signed-message'));
  const digest = sha256(Buffer.concat([tag, tag, message]));
  const raw = RawOldTx.encode({
    version: 0,
    inputs: [
      {
        txid: new Uint8Array(32),
        index: 0xffffffff,
        finalScriptSig: Buffer.concat([Uint8Array.of(0, 32), digest]),
        sequence: 0,
      },
    ],
    outputs: [{ amount: 0n, script }],
    lockTime: 0,
  });
  return sha256(sha256(raw)).reverse();
}

export function encodeWitness(items: readonly Uint8Array[]): Uint8Array {
  return RawWitness.encode([...items]);
}

/** The other signature that is good by the curve: with n - s. A last byte v names the other point then. */
export function mirrored(signature: Uint8Array): Uint8Array {
  const out = Uint8Array.from(signature);
  const s = BigInt(`0x${Buffer.from(signature.subarray(32, 64)).toString('hex')}`);
  out.set(Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex'), 32);
  if (out.byteLength === 65) out[64] = (out[64] ?? 0) ^ ((out[64] ?? 0) < 27 ? 1 : 7);
  return out;
}

/** DER of r‖s, as Bitcoin has it. */
export function encodeDer(compact: Uint8Array): Uint8Array {
  return secp256k1.Signature.fromBytes(compact, 'compact').toBytes('der');
}

export function decodeDer(der: Uint8Array): Uint8Array {
  return secp256k1.Signature.fromBytes(der, 'der').toBytes('compact');
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/^0x/, ''), 'hex'));
}
