/** What the file of vectors holds. README.md explains it to those who read it in another language. */
export interface JoinVector {
  readonly name: string;
  readonly kind: 'invite' | 'request' | 'answer';
  /** The bytes. */
  readonly hex: string;
  /** Of a valid invite: its text. */
  readonly text?: string;
  /** Of a valid invite with a secret: what the issuer keeps of that. */
  readonly secretHash?: string;
  /** Why it is refused; absent for a valid one. */
  readonly code?: string;
}
