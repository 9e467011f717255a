import { CodedError } from '../../protocols/common/errors.ts';

/** The error for a request at an invited machine that needs the operator's key. */
export function heldElsewhere(did: string): CodedError {
  return new CodedError(
    'held_elsewhere',
    `this machine was invited by ${did}; run this at the machine that holds the owner's key`,
  );
}
