import { z } from 'zod';
import type { Holder } from '../../../node/index.ts';
import { DEFAULT_NAMESPACE, errorResponses, namespaceSchema } from '../../core/schemas.ts';
import { isAdmin } from '../core/credentials.ts';
import type { Routes } from '../core/routes.ts';
import type { StorageContext } from './storage-context.ts';
import { recordKeySchema } from './storage-schemas.ts';

const counter = z.number().min(0);

const statusSchema = z
  .object({
    bytes: counter.describe("of records on this node's disk"),
    records: counter,
    blobs: z
      .object({ count: counter, bytes: counter })
      .describe('on it; the bytes of uploads are counted with them'),
    uploads: z.object({ count: counter, bytes: counter }).describe('under way, and what of them is here'),
    capacityBytes: counter.describe('offered to the swarm; 0 at a node that keeps nothing'),
    usedBytes: counter.describe('records and blobs together'),
    availableBytes: counter.describe('that may still come: of what is offered, and of the disk'),
    freeBytes: counter.describe('left on its file system'),
    members: counter.describe('nodes that keep records, whoever runs them; this one included'),
    fellows: z
      .array(z.object({ id: z.string(), isLive: z.boolean() }))
      .describe('other nodes of the same operator that have had their share: its replicas beside this one'),
    replicas: counter.describe('replicas of every record'),
    isReady: z
      .boolean()
      .describe('whether it has its share of what its operator sponsors, so that it counts as a replica'),
    partitions: z.object({
      replica: counter,
      fallback: counter,
      unsynced: counter,
      underReplicated: counter.describe('replicated by its operator, with fewer live replicas than wanted'),
      leaving: counter.describe('no replica any more, kept until a successor has all that was promised'),
    }),
    namespaces: z.array(
      z.object({
        owner: z.string(),
        namespace: z.string(),
        keys: counter,
        bytes: counter.describe('of its records'),
        blobBytes: counter.describe('of its blobs, on their way or here, each counted once'),
        availableBytes: counter.describe('that it may still take here, while the node has them'),
      }),
    ),
  })
  .meta({ id: 'StorageStatus', description: 'What this node keeps for the swarm' });

const whereSchema = z
  .object({
    partition: z.int().min(0),
    wanted: counter.describe('replicas that there are to be'),
    isSponsored: z
      .boolean()
      .describe('whether its replicas are sponsors, so that it is durable; else all copies are best effort'),
    holders: z.array(
      z.object({
        id: z.string().describe('peer id'),
        role: z.enum(['replica', 'fallback']),
        isLive: z.boolean(),
        isSynced: z.boolean().nullable().describe('whether it counts; null when it did not answer'),
        etag: z.string().nullable().describe('of what it holds; null for nothing or no answer'),
        isTombstone: z.boolean(),
        expiresAt: z
          .number()
          .nullable()
          .describe('when it drops the value, in ms; null: never, or there is none'),
        isWhole: z
          .boolean()
          .nullable()
          .describe('whether it has all bytes of the blob that is the value; null: no blob, or no answer'),
      }),
    ),
  })
  .meta({ id: 'Where', description: 'Who holds a key, and what of it' });

const tags = ['network', 'storage'];
const statusRoute = {
  summary: 'What this node keeps for the swarm',
  operationId: 'storageStatus',
  tags,
  response: { 200: statusSchema, ...errorResponses },
};
const whereRoute = {
  summary: 'Who holds a key: replicas, fallback replicas and their versions',
  operationId: 'where',
  tags,
  querystring: z.object({ namespace: namespaceSchema.optional(), key: recordKeySchema }),
  response: { 200: whereSchema, ...errorResponses },
};

function copyHolder({ id, role, isLive, isSynced, etag, isTombstone, expiresAt, isWhole }: Holder): Holder {
  return { id, role, isLive, isSynced, etag, isTombstone, expiresAt, isWhole };
}

export function networkStorageRoutes(app: Routes, { storage }: Pick<StorageContext, 'storage'>): void {
  app.get('/v1/network/storage', { schema: statusRoute }, async ({ principal }) => {
    const status = storage.status();
    // who else keeps how much here is the operator's business
    const namespaces = isAdmin(principal) ? status.namespaces : [];
    return {
      ...status,
      fellows: [...status.fellows],
      partitions: { ...status.partitions },
      namespaces: namespaces.map(({ owner, namespace, keys, bytes, blobBytes, availableBytes }) => {
        return { owner, namespace, keys, bytes, blobBytes, availableBytes };
      }),
    };
  });

  const config = { readsNamespace: 'values' as const };
  app.get('/v1/network/storage/where', { config, schema: whereRoute }, async ({ query }) => {
    const { namespace = DEFAULT_NAMESPACE, key } = query;
    const where = await storage.where({ owner: '', namespace, key });
    return { ...where, holders: where.holders.map(copyHolder) };
  });
}
