import { decodeBase58 } from '../../protocols/common/base58.ts';
import type { Crypto, WalletCrypto } from '../../protocols/common/crypto.ts';
import type { DidPkh } from '../../protocols/common/did.ts';

const SOLANA_KEY_MAX_LENGTH = 44;

/** A wallet's signature, in the way of its chain: EIP-191, BIP-322 simple, Ed25519 over the bare message. */
export interface WalletProof {
  readonly wallet: Pick<DidPkh, 'chain' | 'address'>;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** Whether the signature is by the wallet's key. */
export function verifyWalletProof(
  { crypto, wallets }: { readonly crypto: Pick<Crypto, 'verifyEd25519'>; readonly wallets: WalletCrypto },
  { wallet, message, signature }: WalletProof,
): Promise<boolean> {
  const { chain, address } = wallet;
  if (chain === 'bip122') return wallets.verifyBip322(address, message, signature);
  if (chain === 'eip155') {
    return wallets.verifyEip191(Buffer.from(address.slice(2), 'hex'), message, signature);
  }
  const publicKey = decodeBase58(address, SOLANA_KEY_MAX_LENGTH) ?? new Uint8Array();
  return crypto.verifyEd25519(publicKey, message, signature);
}
