/** One thing a node needs to serve, probed when asked. */
export interface Probe {
  readonly name: string;
  readonly ok: boolean;
  /** The fault and its remedy, or the finding. */
  readonly detail: string;
  /** The same for the operator, where it holds what is nobody else's business. */
  readonly operatorDetail?: string;
}
