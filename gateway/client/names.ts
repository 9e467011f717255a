import { errorMessage } from '../../protocols/common/errors.ts';
import { parseNamespace } from '../../protocols/common/names.ts';
import { ClientError } from './errors.ts';

/** Throws `ClientError` `code` where `check` throws: what a URL would change silently is refused here. */
export function checkPart(code: string, check: () => unknown): void {
  try {
    check();
  } catch (cause) {
    throw new ClientError(code, 400, errorMessage(cause), { cause });
  }
}

/** `name` or `name@did:…`. Throws `ClientError` `bad_namespace`. */
export function checkNamespaceText(text: string): void {
  checkPart('bad_namespace', () => parseNamespace(text, ''));
}
