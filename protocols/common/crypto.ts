/**
 * The cryptography a protocol needs, injected: node:crypto in a node, a browser library in the SDK.
 * Ed25519 is RFC 8032 with the cofactorless equation, canonical encodings and no small-order public key, so
 * that every implementation accepts exactly the same signatures.
 */
export interface Crypto {
  /** SHA-256 of `data`, 32 bytes. */
  sha256(data: Uint8Array): Uint8Array;
  /** Whether `signature` (64 bytes) over `message` is by `publicKey` (32 bytes). False, never a throw, on bad input. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** Somebody who signs: a key that does not leave its owner. */
export interface Ed25519Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes, RFC 8032. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/**
 * Signatures that wallets make. Like `Crypto`: false, never a throw, on bad input. Rejects with `CodedError` `overloaded`, `unavailable` or
 * `closed` where there is no answer.
 */
export interface WalletCrypto {
  /**
   * EIP-191 `personal_sign`: whether `signature` (65 bytes r‖s‖v, low s, v 27/28 or 0/1) over `message` recovers to
   * `address` (20 bytes).
   */
  verifyEip191(address: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /**
   * BIP-322 simple: whether `signature`, a serialised witness stack, over `message` is by the key of `address` (P2WPKH in
   * bech32, P2TR in bech32m).
   */
  verifyBip322(address: string, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /** ECDSA over secp256k1 and SHA-256 of `message`: key 33 bytes, compressed; signature 64 bytes r‖s, low s. */
  verifySecp256k1(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}
