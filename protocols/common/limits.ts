/** A limit as the info document publishes it: what it is called, what it is, and why. */
export interface Limit {
  readonly name: string;
  readonly value: number;
  readonly unit: 'bytes' | 'milliseconds' | 'messages' | 'peers' | 'count' | 'per second';
  readonly reason: string;
}
