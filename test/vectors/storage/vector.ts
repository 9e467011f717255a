/** Format of the vector files. README.md explains it to those who read them in another language. */
export interface Vector {
  readonly name: string;
  /** The record, or for a large one its runs: hex, and how many times it stands there. */
  readonly hex?: string;
  readonly runs?: readonly (readonly [hex: string, times: number])[];
  readonly valid: boolean;
  /** Why it is refused. Absent where a decoder may say `record_malformed` or `record_not_canonical`. */
  readonly code?: string;
  /** Entity tag of a valid one, with its quotes. */
  readonly etag?: string;
  readonly partition?: number;
  /** The partition's place, hex. */
  readonly place?: string;
  /** Clock of the receiver. */
  readonly now: number;
}

/** A frame of the stream protocol. */
export interface FrameVector {
  readonly name: string;
  readonly hex: string;
  readonly kind: 'request' | 'answer';
  /** For an answer: the request, hex. */
  readonly request?: string;
  /** Why it is refused; absent for a valid one. */
  readonly code?: string;
}

/** Keys in their order. */
export interface OrderVector {
  readonly name: string;
  readonly keys: readonly string[];
}

/** The replicas of a place, and the members that hold copies beside them. */
export interface PlacementVector {
  readonly name: string;
  /** Hex. */
  readonly place: string;
  readonly members: readonly {
    readonly id: string;
    readonly kadId: string;
    readonly prefix: string;
    readonly isLive: boolean;
    /** DID of the operator whose sponsor it is; empty for nobody's. */
    readonly operator: string;
    readonly isReady: boolean;
  }[];
  /** DIDs of the operators that sponsor the namespace. */
  readonly sponsors: readonly string[];
  readonly replicas: number;
  readonly distinctPrefixes: boolean;
  /** Ids, the closest first. */
  readonly replicaSet: readonly string[];
  readonly fallbacks: readonly string[];
  readonly setId: string;
}
