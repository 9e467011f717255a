/** A policy, revocation or sponsorship. */
export interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly valid: boolean;
  /** Why it is refused. Absent where a decoder may say `notice_malformed` or `notice_not_canonical`. */
  readonly code?: string;
  /** For a valid text. */
  readonly kind?: 'policy' | 'revocation' | 'sponsorship';
  /** SHA-256 of its body. */
  readonly digest?: string;
  /** Clock of the receiver. */
  readonly now: number;
  /** Notices that the receiver took before, in this order. */
  readonly known?: readonly string[];
}

/** A frame of the stream protocol. */
export interface FrameVector {
  readonly name: string;
  readonly hex: string;
  readonly kind: 'question' | 'log' | 'notices';
  /** Why it is refused; absent for a valid one. */
  readonly code?: string;
}
