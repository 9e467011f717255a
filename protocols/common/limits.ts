/** A limit as the info document publishes it: what it is called, what it is, and why. */
export interface Limit {
  readonly name: string;
  readonly value: number;
  readonly unit: 'bytes' | 'milliseconds' | 'messages' | 'peers' | 'count' | 'per second';
  readonly reason: string;
}

/**
 * Declares limits that a client or an operator can act on. Each is declared once: the value that the code uses is the one that
 * `/v1/info` publishes, from `published`.
 */
export function limitsIn(
  published: Limit[],
): (name: string, value: number, unit: Limit['unit'], reason: string) => number {
  return (name, value, unit, reason) => {
    published.push({ name, value, unit, reason });
    return value;
  };
}
