/** One thing a node needs to serve, probed when asked. */
export interface Probe {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong and what to do, or what was found. */
  readonly detail: string;
  /** The same for the operator, where it holds what is nobody else's business. */
  readonly operatorDetail?: string;
}
