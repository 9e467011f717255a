import { Readable } from 'node:stream';
import { z } from 'zod';
import type { MaillonNode, StorageMaintenance } from '../../node/index.ts';
import { GatewayError } from '../core/errors.ts';
import type { Routes } from '../http/core/routes.ts';
import { sendProgress } from './progress-stream.ts';

/** Media type of an archive, as IPFS has it. */
export const ARCHIVE_TYPE = 'application/vnd.ipld.car';

const scrubBody = z.strictObject({ bytesPerSecond: z.int().min(1024).optional() });
const exportBody = z.strictObject({
  /** The owner that the node serves, unless given. */
  owner: z.string().max(256).optional(),
  namespace: z.string().min(1).max(64).optional(),
});
/** The upkeep of the node's store: for the operator alone. */
export function maintenanceRoutes(app: Routes, { node }: { readonly node: MaillonNode }): void {
  const maintenance = (): StorageMaintenance => {
    const found = node.maintenance;
    if (found !== null) return found;
    throw new GatewayError('nothing_kept', 'this node keeps nothing: ask one whose storage.enabled is true');
  };
  app.get('/v1/storage/maintenance', async () => maintenance().status());
  app.post('/v1/storage/scrub', { schema: { body: scrubBody } }, async ({ body }, reply) => {
    const { bytesPerSecond } = body;
    const rate = bytesPerSecond === undefined ? {} : { bytesPerSecond };
    return sendProgress(reply, (signal, onProgress) => {
      return maintenance().scrub({ ...rate, signal, onProgress });
    });
  });
  app.post('/v1/storage/collect', async (_request, reply) => {
    return sendProgress(reply, (signal) => maintenance().collect({ signal }));
  });
  archiveRoutes(app, node, maintenance);
}

function archiveRoutes(
  app: Routes,
  node: Pick<MaillonNode, 'owner'>,
  maintenance: () => StorageMaintenance,
): void {
  app.post('/v1/storage/export', { schema: { body: exportBody } }, async ({ body }, reply) => {
    const { owner = node.owner, namespace } = body;
    const leaving = new AbortController();
    reply.raw.once('close', () => leaving.abort(new Error('the client went away')));
    const only = namespace === undefined ? {} : { namespace: { owner, namespace } };
    const archive = maintenance().export({ ...only, signal: leaving.signal });
    return reply.type(ARCHIVE_TYPE).send(Readable.from(archive, { objectMode: false }));
  });
  // this parser leaves the body a stream: an archive may be as long as the store has room for
  app.addContentTypeParser(ARCHIVE_TYPE, async (_request: unknown, payload: unknown) => payload);
  app.post('/v1/storage/import', async ({ body, raw }, reply) => {
    if (!(body instanceof Readable)) {
      throw new GatewayError('unsupported_media_type', `send an archive as Content-Type: ${ARCHIVE_TYPE}`);
    }
    const leaving = new AbortController();
    raw.once('aborted', () => leaving.abort(new Error('the client went away')));
    const report = await maintenance().import(body as AsyncIterable<Uint8Array>, { signal: leaving.signal });
    return reply.send(report);
  });
}
