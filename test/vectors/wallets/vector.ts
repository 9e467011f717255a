/** Format of the vector files. README.md explains it to those who read them in another language. */
export interface WalletVector {
  readonly name: string;
  readonly kind: 'eip191' | 'bip322' | 'secp256k1';
  /** Hex; of `bip322` an address. */
  readonly signer: string;
  readonly message: string;
  readonly signature: string;
  readonly valid: boolean;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** `bytes` with what stands from `offset` on replaced. */
export function replaced(bytes: Uint8Array, offset: number, by: Uint8Array): Uint8Array {
  const out = Uint8Array.from(bytes);
  out.set(by, offset);
  return out;
}

/** 32 bytes, big-endian. */
export function scalar(value: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));
}
