import type { DidKey } from '../common/did.ts';
import type { Resource } from './resource.ts';

/** One step of a chain: `issuer` lets `audience` do what the resources say. */
export interface Link {
  readonly kind: 'delegation' | 'cacao';
  /** 32 bytes: what a revocation names. The signature is no part of it. */
  readonly digest: Uint8Array;
  /** DID of who grants: did:key of a delegation, did:pkh of a CACAO. */
  readonly issuer: string;
  /** did:key of whom it is granted to. */
  readonly audience: string;
  readonly resources: readonly Resource[];
  /** In force from then on, this millisecond included; null for ever since. */
  readonly notBefore: number | null;
  /** In force until then, this millisecond excluded; null for ever. */
  readonly expiry: number | null;
  /** When it was signed, by the issuer's clock. Nothing depends on it. */
  readonly time: number;
  /** For a CACAO: the domain that asked for the signature. */
  readonly domain: string | null;
  /** Signed extensions; a CACAO has none. */
  readonly ext: Readonly<Record<string, unknown>>;
}

/** A key lets another key do something, key to key: what is signed. */
export interface Delegation {
  /** did:key of who grants. */
  readonly issuer: string;
  /** did:key of whom it is granted to. */
  readonly audience: string;
  /** URIs of 1–8 resources, each once. */
  readonly resources: readonly string[];
  /** In force from then on, milliseconds since the Unix epoch; null for ever since. */
  readonly notBefore: number | null;
  /** In force until then; null for ever. */
  readonly expiry: number | null;
  /** When it was signed. */
  readonly time: number;
  /** 16 bytes by chance. */
  readonly nonce: Uint8Array;
  /** Signed room for extensions. */
  readonly ext: Readonly<Record<string, unknown>>;
}

/** Sign-in message as a wallet signs it, in the terms of CAIP-74. */
export interface SignIn {
  /** Authority (RFC 3986) that asks for the signature: host and port. */
  readonly domain: string;
  /** did:pkh of the wallet’s account. */
  readonly iss: string;
  /** URI that it is for: of a delegation the did:key of the session. */
  readonly aud: string;
  readonly version: string;
  readonly nonce: string;
  /** When it was made. Times are `2026-11-21T14:00:00Z`, with or without milliseconds. */
  readonly iat: string;
  readonly nbf?: string;
  readonly exp?: string;
  readonly statement?: string;
  readonly requestId?: string;
  readonly resources?: readonly string[];
}

/** Proof that a link's issuer signed it. */
export type Proof =
  | {
      readonly kind: 'ed25519' | 'secp256k1' | 'eip191';
      /** Public key, or address of 20 bytes. */
      readonly signer: Uint8Array;
      readonly message: Uint8Array;
      readonly signature: Uint8Array;
    }
  | {
      readonly kind: 'bip322';
      readonly address: string;
      readonly message: Uint8Array;
      readonly signature: Uint8Array;
    };

/** A link as it was read: the proof is not verified. */
export interface SignedLink {
  readonly link: Link;
  /** Key of the audience. */
  readonly audience: DidKey;
  readonly proof: Proof;
}

/** A chain whose form and signatures hold: `root` lets `audience` act, by way of the links. */
export interface VerifiedChain {
  /** DID of the first link's issuer; of the author, when there are no links. */
  readonly root: string;
  /** did:key of the author. */
  readonly audience: string;
  readonly links: readonly Link[];
}
