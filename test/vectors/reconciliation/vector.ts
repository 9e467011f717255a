/** Format of the vector files. README.md explains it to those who read them in another language. */
export interface RangeVector {
  /** Null at the end. */
  readonly timestamp: number | null;
  readonly prefix: string;
  readonly mode: 0 | 1 | 2;
  readonly fingerprint?: string;
  readonly ids?: readonly string[];
}

export interface MessageVector {
  readonly name: string;
  readonly hex: string;
  readonly ranges?: readonly RangeVector[];
  /** Why it is refused. */
  readonly code?: string;
}

export interface FingerprintVector {
  readonly name: string;
  readonly ids: readonly string[];
  readonly fingerprint: string;
}

export interface AnswerVector {
  readonly name: string;
  readonly items: readonly (readonly [timestamp: number, id: string])[];
  readonly maxBytes: number;
  readonly question: string;
  readonly answer: string;
}
