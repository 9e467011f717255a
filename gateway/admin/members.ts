import { z } from 'zod';
import type { MaillonNode } from '../../node/index.ts';
import { MEMBER_ROLES } from '../../protocols/join/index.ts';
import type { Routes } from '../http/core/routes.ts';

/** A peer id, or the id of an invite. */
const idSchema = z.string().min(1).max(128);

const inviteBody = z.strictObject({
  role: z.enum(MEMBER_ROLES),
  lifetimeMs: z.int().min(1).optional(),
  to: idSchema.optional(),
});
const revokeBody = z.strictObject({ target: idSchema });

/** The machines of the node's operator: for the operator alone, since an invite is a secret. */
export function membersRoutes(app: Routes, { node }: { readonly node: MaillonNode }): void {
  app.get('/v1/members', async () => node.members.list());
  app.post('/v1/members/invites', { schema: { body: inviteBody } }, async ({ body }, reply) => {
    const { role, lifetimeMs, to } = body;
    const made = await node.members.invite({
      role,
      ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
      ...(to === undefined ? {} : { to }),
    });
    return reply.code(201).send(made);
  });
  app.post('/v1/members/revoke', { schema: { body: revokeBody } }, async ({ body }) => {
    return node.members.revoke(body.target);
  });
}
