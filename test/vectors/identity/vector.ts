/** Format of the vector files. README.md explains it to those who read them in another language. */
export interface DidVector {
  readonly name: string;
  readonly did: string;
  readonly valid: boolean;
  /** For a valid did:key. */
  readonly curve?: string;
  /** Hex. */
  readonly publicKey?: string;
  /** For a valid did:pkh. */
  readonly chain?: string;
  readonly reference?: string;
  readonly address?: string;
}

export interface ResourceFields {
  readonly swarm: string;
  readonly owner: string;
  readonly namespace: string;
  readonly actions: readonly string[];
  readonly prefix: string;
}

export interface ResourceVector {
  readonly name: string;
  readonly text: string;
  /** For a valid text. */
  readonly resource?: ResourceFields;
}

/** Whether all that `inner` grants is granted by `outer`. */
export interface WithinVector {
  readonly name: string;
  readonly outer: string;
  readonly inner: string;
  readonly within: boolean;
}

export interface MessageVector {
  readonly name: string;
  readonly message: string;
  /** Fields of a valid one, in the words of CAIP-74. */
  readonly fields?: Readonly<Record<string, string | readonly string[]>>;
  /** Why it is refused. */
  readonly code?: string;
}

export interface LinkVector {
  readonly name: string;
  readonly hex: string;
  readonly valid: boolean;
  /** Why it is refused. Absent where a decoder may say `chain_malformed`, `chain_field` or `chain_not_canonical`. */
  readonly code?: string;
  readonly kind?: 'delegation' | 'cacao';
  /** For a valid link: the digest a revocation names, hex. */
  readonly digest?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly resources?: readonly string[];
  readonly notBefore?: number | null;
  readonly expiry?: number | null;
  readonly time?: number;
  readonly domain?: string | null;
  /** For a CACAO: the message the wallet signed. */
  readonly message?: string;
}

export interface AskedVector {
  readonly owner: string;
  readonly namespace: string;
  readonly action: string;
  readonly resource: string;
  readonly time: number;
  /** Why not; absent where it is allowed. */
  readonly code?: string;
}

export interface ChainVector {
  readonly name: string;
  /** Hex. */
  readonly links: readonly string[];
  /** Multikey, hex. */
  readonly author: string;
  /** Why it is refused. */
  readonly code?: string;
  /** For a valid text. */
  readonly root?: string;
  readonly asked?: readonly AskedVector[];
}
