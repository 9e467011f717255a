/** The shapes that validate what comes in, and document it: /openapi.json is made from them. */
import { z } from 'zod';
import type { Receipt } from '../../node/index.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import {
  checkTopic,
  NAMESPACE_MAX_BYTES,
  NAMESPACE_PATTERN,
  OWNER_MAX_BYTES,
  parseNamespace,
  TOPIC_MAX_BYTES,
} from '../../protocols/common/names.ts';
import { DEFAULT_NAMESPACE } from '../client/frames.ts';
import { decodeBase64 } from './base64.ts';

export { DEFAULT_NAMESPACE };

export const topicSchema = checked(checkTopic).meta({
  minLength: 1,
  maxLength: TOPIC_MAX_BYTES,
  description: `1 to ${TOPIC_MAX_BYTES} bytes of UTF-8 without control characters`,
});

export const namespaceSchema = checked((text) => void parseNamespace(text, '')).meta({
  pattern: `${NAMESPACE_PATTERN.source.slice(0, -1)}(@did:.+)?$`,
  maxLength: NAMESPACE_MAX_BYTES + 1 + OWNER_MAX_BYTES,
  description: `\`${DEFAULT_NAMESPACE}\` when missing; \`name@did:…\` for one of another owner than this gateway's`,
});

/** Base64 in, bytes out. */
export const base64Schema = z
  .string()
  .meta({ contentEncoding: 'base64', description: 'RFC 4648 section 4, with padding' })
  .transform((text, context) => {
    try {
      return decodeBase64(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: errorMessage(error) });
      return z.NEVER;
    }
  });

export const timeSchema = z.int().min(0).describe('milliseconds since the Unix epoch');

export const topicQuery = z.object({ topic: topicSchema, namespace: namespaceSchema.optional() });

/** Stream ticket. */
export const ticketQuery = z
  .string()
  .optional()
  .describe('of POST /v1/auth/ws-ticket, where the client cannot send a credential in a header');

export const receiptSchema = z
  .object({
    id: z.string().describe('CID of the envelope'),
    messageIds: z.array(z.string()),
    peersReached: z.int().min(0),
    storedBy: z.array(z.string()),
    durable: z.boolean(),
  })
  .meta({ id: 'Receipt', description: 'What is known of a message once it was sent' });

/** The answer to a published message. */
export function toPublished({ id, messageIds, peersReached, storedBy, durable }: Receipt) {
  const receipt = { id, messageIds: [...messageIds], peersReached, storedBy: [...storedBy], durable };
  return { status: 'ok' as const, ...receipt };
}

export const messageSchema = z
  .object({
    id: z.string().describe('CID of the envelope, a colon, index of the message in it'),
    namespace: z.string(),
    topic: z.string(),
    author: z.string().describe('did:key'),
    epoch: z.int().min(0).describe('raised when the author lost count; seq compares within one epoch only'),
    seq: z.int().min(1).describe("counts the author's messages to the topic, without holes"),
    time: timeSchema,
    data_base64: z.string().meta({ contentEncoding: 'base64' }),
  })
  .meta({ id: 'Message', description: 'A message as a subscriber gets it' });

export const errorSchema = z
  .object({
    error: z.string().describe('what is wrong, for people'),
    code: z.string().describe('what is wrong, for programs: one of the codes that /v1/info lists'),
    detail: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))
      .optional(),
    retryAfter: z.number().optional().describe('seconds'),
  })
  .meta({ id: 'Error', description: 'Any error of the gateway' });

/** Error responses, to be spread into a route's responses. */
export const errorResponses = {
  '4xx': errorSchema.describe('The request cannot be served as it is'),
  '5xx': errorSchema.describe('The gateway cannot serve it now'),
} as const;

/** A string that a check of the protocols accepts; its message becomes the error's. */
export function checked(check: (value: string) => void): z.ZodString {
  return z.string().check((context) => {
    try {
      check(context.value);
    } catch (error) {
      context.issues.push({ code: 'custom', message: errorMessage(error), input: context.value });
    }
  });
}
