import { CodedError } from '../../../protocols/common/errors.ts';

/** Errors of keys on disk and their passphrases. */
export type KeyErrorCode =
  | 'bad_key_name'
  | 'no_such_key'
  | 'key_exists'
  | 'too_many_keys'
  /** A file that is damaged, or holds no key. */
  | 'bad_key_file'
  /** A file of a later version. */
  | 'key_version'
  /** The imported data is no Ed25519 key. */
  | 'bad_key'
  | 'key_sealed'
  | 'key_not_sealed'
  | 'key_in_use'
  /** It does not open what it is for. */
  | 'bad_passphrase'
  | 'bad_passphrase_file'
  | 'weak_passphrase'
  | 'passphrase_needed'
  | 'interrupted';

export class KeyError extends CodedError {
  constructor(code: KeyErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, undefined, options);
  }
}
