import { CodedError } from './errors.ts';

/**
 * `fault` says whose it is: `sender` faults need no context to be seen (bytes, size, signature), so they are
 * rejected and cost score; `context` ones (clock, policy, load, an unknown version) honest peers forward too,
 * so they are ignored.
 */
export type Fault = 'sender' | 'context';

/** Why something that a peer sent is not taken. */
export abstract class Refusal extends CodedError {
  /**
   * Whether an honest peer may well have forwarded it: it was good there a moment ago, or it is this node that
   * has no room. Nobody is charged for it.
   */
  readonly isExcusable: boolean;

  constructor(code: string, message: string, isExcusable = false) {
    super(code, message);
    this.isExcusable = isExcusable;
  }

  abstract get fault(): Fault;
}

/** Base class of a protocol's errors: its table says for each code whose fault it is. */
export function refusalBy<Code extends string>(faults: Readonly<Record<Code, Fault>>) {
  return class extends Refusal {
    declare readonly code: Code;

    constructor(code: Code, message: string, isExcusable = false) {
      super(code, message, isExcusable);
    }

    get fault(): Fault {
      return faults[this.code];
    }
  };
}
