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
