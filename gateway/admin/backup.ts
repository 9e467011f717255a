import { z } from 'zod';
import type { MaillonNode } from '../../node/index.ts';
import { GatewayError } from '../core/errors.ts';
import type { Routes } from '../http/core/routes.ts';
import { sendProgress } from './progress-stream.ts';

const PATH_MAX_LENGTH = 4096;

const backupBody = z.strictObject({
  directory: z.string().min(1).max(PATH_MAX_LENGTH),
  isCopied: z.boolean(),
  /** The data directory of the node that is meant; any node's when missing. */
  data: z.string().min(1).max(PATH_MAX_LENGTH).optional(),
});

/** Backups of the whole node: for the operator alone. */
export function backupRoutes(
  app: Routes,
  { node, data: own }: { readonly node: MaillonNode; readonly data: string },
): void {
  app.post('/v1/backup', { schema: { body: backupBody } }, async ({ body }, reply) => {
    const { data, ...options } = body;
    if (data !== undefined && data !== own) {
      throw new GatewayError(
        'other_node',
        `this admin listener is of the node on ${own}, not of the one on ${data}: name its own with --admin`,
      );
    }
    return sendProgress(reply, (signal, onProgress) => node.backup({ ...options, signal, onProgress }));
  });
}
