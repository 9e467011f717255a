/** Errors of the SDK: the server's code, or one of the SDK's own for requests that never got there. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  /** From the gateway's table of errors; `unreachable`, `bad_answer`, `closed` are the SDK's own. */
  readonly code: string;
  /** HTTP status or WebSocket close code; 0 without one. */
  readonly status: number;
  /** Further detail from the gateway, e.g. the `etag` there is now. */
  readonly detail: Readonly<Record<string, unknown>> | undefined;
  /** Seconds after which trying again is reasonable. */
  readonly retryAfter: number | undefined;

  constructor(
    code: string,
    status: number,
    message: string,
    options: ErrorOptions & { retryAfter?: number; detail?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options);
    this.code = code;
    this.status = status;
    this.detail = options.detail;
    this.retryAfter = options.retryAfter;
  }
}

/** The error that an answer of the server describes. */
export function errorFrom(answer: unknown, status: number): ClientError {
  const { code, error, retryAfter, detail } = (
    typeof answer === 'object' && answer !== null ? answer : {}
  ) as {
    code?: unknown;
    error?: unknown;
    retryAfter?: unknown;
    detail?: unknown;
  };
  if (typeof code !== 'string' || typeof error !== 'string') {
    return new ClientError('bad_answer', status, `the server answered ${status} and not as a gateway does`);
  }
  return new ClientError(code, status, error, {
    ...(typeof retryAfter === 'number' ? { retryAfter } : {}),
    ...(typeof detail === 'object' && detail !== null ? { detail: { ...detail } } : {}),
  });
}
