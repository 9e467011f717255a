/** The part of the native addon that is used. Its package has no types. */
declare module 'secp256k1/bindings.js' {
  interface Secp256k1Bindings {
    /** Throws where signature or key cannot be read. False for a high s. */
    ecdsaVerify(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean;
    /** Throws where the signature cannot be read or no key belongs to it. */
    ecdsaRecover(
      signature: Uint8Array,
      recovery: number,
      digest: Uint8Array,
      compressed: boolean,
    ): Uint8Array;
  }
  const bindings: Secp256k1Bindings;

  export { bindings as default };
}
