/** Format of the vector file. README.md explains it to those who read it in another language. */
export interface JoinVector {
  readonly name: string;
  readonly kind: 'invite' | 'request' | 'answer';
  /** The bytes. */
  readonly hex: string;
  /** Text of a valid invite. */
  readonly text?: string;
  /** For a valid invite with a secret: the hash the issuer keeps. */
  readonly secretHash?: string;
  /** Why it is refused; absent for a valid one. */
  readonly code?: string;
}
