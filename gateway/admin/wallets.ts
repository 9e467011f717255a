import { z } from 'zod';
import { DID_MAX_LENGTH } from '../../protocols/common/did.ts';
import type { Routes } from '../http/core/routes.ts';
import type { Gateway } from '../interface.ts';

const endBody = z.strictObject({ wallet: z.string().min(1).max(DID_MAX_LENGTH) });

/** Lists and ends promises to wallets: for the operator alone. */
export function walletRoutes(app: Routes, promises: () => ReturnType<Gateway['walletPromises']>): void {
  app.get('/v1/wallets', async () => promises().usage());
  app.post('/v1/wallets/end', { schema: { body: endBody } }, async (request, reply) => {
    const { wallet } = request.body;
    request.audited = { wallet };
    await promises().end(wallet);
    return reply.send({ wallet });
  });
}
