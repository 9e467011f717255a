import { z } from 'zod';
import type { ListEntry, RecordName, WriteReceipt } from '../../../node/index.ts';
import { parseCid } from '../../../protocols/common/block-cid.ts';
import { KEY_MAX_BYTES } from '../../../protocols/storage/constants.ts';
import { checkKey, checkPrefix } from '../../../protocols/storage/keys.ts';
import { CURSOR_MAX_LENGTH, LIST_DEFAULT, LIST_MAX } from '../../core/limits.ts';
import { checked, timeSchema } from '../../core/schemas.ts';

export const recordKeySchema = checked(checkKey).meta({
  minLength: 1,
  maxLength: KEY_MAX_BYTES,
  description: `1 to ${KEY_MAX_BYTES} bytes of UTF-8, any character`,
});

export const prefixSchema = checked((prefix) => checkPrefix(prefix)).meta({
  description: 'literal, bytewise; all keys when missing',
});

export const cursorSchema = z
  .string()
  .min(1)
  .max(CURSOR_MAX_LENGTH)
  .describe('of the page before; the other parameters must be the same');

export const limitSchema = pageLimit(LIST_MAX, LIST_DEFAULT);

export const ttlSchema = z
  .string()
  .describe('seconds, or a duration like 90s, 30m, 1h30m, 7d; for ever when missing');

/** As the node makes them. */
export const uploadIdSchema = z.string().regex(/^[\w-]{1,64}$/, 'must be the id of an upload');

export const cidSchema = z
  .string()
  .refine((text) => parseCid(text) !== null, 'must be a CID of version 1 with sha2-256, in base32')
  .meta({ pattern: '^b[a-z2-7]{58}$', description: 'CID of a blob' });

const versionSchema = z.object({ ms: z.int().min(0), counter: z.int().min(0) });
const expirySchema = timeSchema.nullable().describe('when it is gone; null for never');

export const writtenSchema = z
  .object({
    namespace: z.string(),
    key: z.string(),
    etag: z.string().describe('with its quotes, as in the header'),
    id: z.string().describe('CID of the record'),
    version: versionSchema,
    replicas: z.array(z.string()).describe('peer ids of the replicas that have it on disk'),
    replicaSet: z.array(z.string()).describe('peer ids of all replicas'),
    wanted: z.int().min(0).describe('replicas there are to be: with fewer replicas it is under-replicated'),
    durability: z.enum(['one', 'majority', 'all']),
    durable: z.boolean().describe('false where a node may drop it before its time'),
    expiresAt: expirySchema,
  })
  .meta({ id: 'Written', description: 'What is known of a write that was acknowledged' });

export const listPageSchema = z
  .object({
    entries: z.array(
      z.object({
        key: z.string(),
        etag: z.string(),
        version: versionSchema,
        size: z.int().min(0),
        contentType: z.string().describe('empty for application/octet-stream'),
        expiresAt: expirySchema,
      }),
    ),
    cursor: z.string().nullable().describe('for the next page; null at the end'),
    degraded: z
      .boolean()
      .describe('no majority could be asked: what one replica alone acknowledged may be missing'),
    copies: z
      .object({ live: z.int().min(0), wanted: z.int().min(0) })
      .describe('replicas that are live, of the partition that has fewest, and how many there are to be'),
  })
  .meta({ id: 'ValueList' });

export function toWritten(name: RecordName, receipt: WriteReceipt): z.output<typeof writtenSchema> {
  const { etag, id, version, replicas, replicaSet, wanted, durability, durable, expiresAt } = receipt;
  return {
    namespace: name.namespace,
    key: name.key,
    etag,
    id,
    version: { ms: version.ms, counter: version.counter },
    replicas: [...replicas],
    replicaSet: [...replicaSet],
    wanted,
    durability,
    durable,
    expiresAt,
  };
}

export function toListEntry(entry: ListEntry): z.output<typeof listPageSchema>['entries'][number] {
  const { key, etag, version, size, contentType, expiresAt } = entry;
  return { key, etag, version: { ms: version.ms, counter: version.counter }, size, contentType, expiresAt };
}

/** A whole number from 1 to `most`, in a query. */
export function pageLimit(most: number, usual: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from 1 to ${most}`)
    .transform(Number)
    .refine((count) => count >= 1 && count <= most, `must be a whole number from 1 to ${most}`)
    .meta({ type: 'integer', minimum: 1, maximum: most, description: `${usual} when missing` });
}
