import { z } from 'zod';
import { didYouMean } from '../../protocols/common/spelling.ts';
import { type ErrorCode, GatewayError } from './errors.ts';

/** The code for each invalid field; any other field is `bad_request`, or `bad_frame` on a socket. */
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

/** Facts about a failed check, whoever reports it. */
export interface Issue {
  /** zod's issue code. */
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Names of unknown fields. */
  readonly keys?: readonly string[] | undefined;
}

/** So much of what a client sent is repeated to it. */
const NAME_SHOWN = 64;
const NAMES_SHOWN = 8;

/** Refuses `names` where only `known` are taken; `lacks` is like `this route has no query parameter`. */
export function unknownNames(
  lacks: string,
  names: readonly string[],
  known: readonly string[],
): GatewayError {
  const [first = ''] = names;
  const takes = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`;
  return new GatewayError(
    'unknown_field',
    `${lacks} "${first.slice(0, NAME_SHOWN)}"${didYouMean(first, known)}: ${takes}`,
    { fields: names.slice(0, NAMES_SHOWN).map((name) => name.slice(0, NAME_SHOWN)), known: [...known] },
  );
}

/** The names of the fields of a zod object, also of one that may be missing or is transformed. */
export function fieldsOf(schema: unknown): readonly string[] {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return fieldsOf(schema.unwrap());
  return schema instanceof z.ZodPipe ? fieldsOf(schema.in) : [];
}

/**
 * The error of the first issue: unknown fields by name first, then whatever field is wrong. `schema` is what was
 * checked; no strict object is inside another one, so an unknown field belongs to `schema` itself.
 */
export function issueError(
  issues: readonly Issue[],
  fallback: 'bad_request' | 'bad_frame',
  schema?: unknown,
): GatewayError {
  const unknown = issues.find((issue) => issue.keys !== undefined);
  if (unknown?.keys !== undefined) {
    const lacks =
      fallback === 'bad_frame' ? 'this frame has no field' : 'the body of this route has no field';
    return unknownNames(lacks, unknown.keys, fieldsOf(schema));
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
  throw issueError(result.error.issues.map(zodIssue), 'bad_frame', schema);
}

function zodIssue(issue: z.core.$ZodIssue): Issue {
  return { ...issue, keys: issue.code === 'unrecognized_keys' ? issue.keys : undefined };
}
