/**
 * Lines of the audit log: one JSON object each, which holds the SHA-256 of the line before it. So no line can be
 * changed, removed or put between others without the next one telling.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { withoutCredentials } from '../observability/redaction.ts';
import type { AuditEvent } from './interface.ts';

export const LINE_VERSION = 1;
/** Used instead of the previous line's hash in the first line. */
export const NO_LINE = '0'.repeat(64);
/** A line of the most and the longest fields it may have, with room for what JSON escapes. */
export const LINE_MAX_BYTES = 64 * 1024;
/** A DID of a long chain, a URL; what is longer says nothing more to a reader. */
const TEXT_MAX = 256;
const FIELDS_MAX = 16;

/** Where a chain stands. */
export interface Link {
  readonly seq: number;
  readonly hash: string;
}

const lineSchema = z.strictObject({
  v: z.literal(LINE_VERSION),
  seq: z.int().min(1),
  time: z.iso.datetime(),
  event: z.string(),
  outcome: z.enum(['ok', 'refused']),
  actor: z.string().optional(),
  address: z.string().optional(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
  prev: z.string().regex(/^[0-9a-f]{64}$/),
});
export type AuditLine = z.output<typeof lineSchema>;

/** The line after `before`, without its line break, and where the chain stands then. */
export function encodeLine(event: AuditEvent, time: number, before: Link): { text: string; link: Link } {
  const seq = before.seq + 1;
  const { actor, address, detail } = event;
  const text = JSON.stringify({
    v: LINE_VERSION,
    seq,
    time: new Date(time).toISOString(),
    event: safe(event.event),
    outcome: event.outcome,
    ...(actor === undefined ? {} : { actor: safe(actor) }),
    ...(address === undefined ? {} : { address: safe(address) }),
    ...(detail === undefined ? {} : { detail: safeDetail(detail) }),
    prev: before.hash,
  } satisfies AuditLine);
  return { text, link: { seq, hash: hashLine(text) } };
}

/** Null for what is no line of this version. */
export function parseLine(text: string): AuditLine | null {
  try {
    return lineSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export function hashLine(line: string | Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}

function safe(text: string): string {
  const shown = withoutCredentials(text);
  return shown.length > TEXT_MAX ? `${shown.slice(0, TEXT_MAX)}…` : shown;
}

function safeDetail(detail: NonNullable<AuditEvent['detail']>): NonNullable<AuditLine['detail']> {
  const fields = Object.entries(detail).slice(0, FIELDS_MAX);
  return Object.fromEntries(
    fields.map(([name, value]) => [safe(name), typeof value === 'string' ? safe(value) : value]),
  );
}
