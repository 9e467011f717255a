import { CodedError } from '../../protocols/common/errors.ts';

/** Clients see that much; what the database said is in the log and in /readyz. */
export function unavailable(): CodedError {
  return new CodedError(
    'state_unavailable',
    'what the gateway keeps of sign-ins cannot be read or written now: try again',
  );
}
