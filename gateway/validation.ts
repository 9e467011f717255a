import type { z } from 'zod';
import { type ErrorCode, GatewayError } from './errors.ts';

/** What a field is called when it is wrong; any other field is `bad_request`, or `bad_frame` on a socket. */
const FIELD_CODES: Readonly<Record<string, ErrorCode>> = {
  topic: 'bad_topic',
  namespace: 'bad_namespace',
  data_base64: 'bad_base64',
  expiry: 'bad_expiry',
  key: 'bad_key',
  prefix: 'bad_key',
  ttl: 'bad_ttl',
  limit: 'bad_limit',
  cursor: 'bad_cursor',
  cid: 'bad_cid',
  match: 'bad_pattern',
  member_id: 'bad_member',
  member_meta: 'bad_member',
};

/** What is needed of a failed check, whoever reports it. */
export interface Issue {
  /** zod's issue code. */
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Names of unknown fields. */
  readonly keys?: readonly string[] | undefined;
}

/** The error of the first issue: unknown fields by name first, then whatever field is wrong. */
export function issueError(issues: readonly Issue[], fallback: 'bad_request' | 'bad_frame'): GatewayError {
  const unknown = issues.find((issue) => issue.keys !== undefined);
  if (unknown?.keys !== undefined) {
    const fields = unknown.keys.map((key) => key.slice(0, 64)).slice(0, 8);
    return new GatewayError('unknown_field', `not known here: ${fields.join(', ')}`, { fields });
  }
  const [issue] = issues;
  const field = issue?.path.map(String).join('.') ?? '';
  const message = issue?.message.endsWith('received undefined')
    ? 'is missing'
    : (issue?.message ?? 'malformed');
  return new GatewayError(FIELD_CODES[field] ?? fallback, field === '' ? message : `${field}: ${message}`);
}

/** Checks a value that came from outside. Throws `GatewayError`. */
export function parseWith<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw issueError(result.error.issues.map(zodIssue), 'bad_frame');
}

function zodIssue(issue: z.core.$ZodIssue): Issue {
  return { ...issue, keys: issue.code === 'unrecognized_keys' ? issue.keys : undefined };
}
