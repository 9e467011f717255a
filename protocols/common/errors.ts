/** Contents of every protocol error: a stable code, a message that is safe to show, and typed detail. */
export type ErrorDetail = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/**
 * The base of all errors Maillon raises on purpose. `code` is from a published table (each protocol's
 * `errors.ts`, and the gateway's table for HTTP); `message` says what is wrong and never holds a secret.
 */
export class CodedError extends Error {
  readonly code: string;
  readonly detail: ErrorDetail | undefined;

  constructor(code: string, message: string, detail?: ErrorDetail, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.detail = detail;
  }
}

/** The error's text whatever was thrown, for logs. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
