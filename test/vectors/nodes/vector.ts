/** Format of the vector files. README.md explains it to those who read them in another language. */
export interface Vector {
  readonly name: string;
  /** The announcement. */
  readonly hex: string;
  readonly valid: boolean;
  /** Why it is refused. Absent where a decoder may say `announcement_malformed` or `announcement_not_canonical`. */
  readonly code?: string;
  /** Peer id of a valid one. */
  readonly peerId?: string;
  /** Its addresses as text. */
  readonly addresses?: readonly string[];
  /** The prefix each of them counts under. */
  readonly prefixes?: readonly string[];
  /** Clock of the receiver. */
  readonly now: number;
  /** Time of the announcement of the same node that the receiver holds. */
  readonly known?: number;
}

/** A frame of the stream protocol. */
export interface FrameVector {
  readonly name: string;
  readonly hex: string;
  readonly kind: 'request' | 'answer';
  /** Why it is refused; absent for a valid one. */
  readonly code?: string;
}
