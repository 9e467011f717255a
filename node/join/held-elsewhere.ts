import { CodedError } from '../../protocols/common/errors.ts';

/** What needs the operator's key, asked for at a machine that was invited. */
export function heldElsewhere(did: string): CodedError {
  return new CodedError(
    'held_elsewhere',
    `this machine was invited by ${did}; run this at the machine that holds the owner's key`,
  );
}
