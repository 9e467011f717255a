/** Apps of a wallet, as E1 knows them. */
import { z } from 'zod';
import type { App } from '../../auth/apps.ts';
import type { HeldPrincipal, Principal } from '../../auth/identity.ts';
import { AUTH_BODY_MAX_BYTES } from '../../auth/limits.ts';
import { GatewayError } from '../../core/errors.ts';
import { errorResponses } from '../../core/schemas.ts';
import { missingCredential } from '../core/reading.ts';
import type { Routes } from '../core/routes.ts';
import type { AuthContext } from './context.ts';
import { appAnswer, labelSchema, publicKeySchema } from './schemas.ts';

const tags = ['auth', 'debros'];
const bodyLimit = AUTH_BODY_MAX_BYTES;
const params = z.object({ id: z.string() });
const okAnswer = z.object({ status: z.literal('ok') });

export function appRoutes(app: Routes, { auth }: Pick<AuthContext, 'auth'>): void {
  const listSchema = {
    summary: 'Apps of the wallet in its namespace',
    operationId: 'listApps',
    tags,
    response: { 200: z.object({ items: z.array(appAnswer), count: z.int() }), ...errorResponses },
  };
  app.get('/v1/apps', { schema: listSchema }, async ({ principal }) => {
    const items = (await auth.apps.list(walletOf(principal))).map(describeApp);
    return { items, count: items.length };
  });

  const createSchema = {
    summary: 'Register an app',
    operationId: 'createApp',
    tags,
    body: z.object({ name: labelSchema, public_key: publicKeySchema.nullish() }),
    response: { 201: appAnswer, ...errorResponses },
  };
  app.post('/v1/apps', { schema: createSchema, bodyLimit }, async ({ principal, body }, reply) => {
    const { name, public_key: publicKey } = body;
    const made = await auth.apps.create(walletOf(principal), { name, publicKey: publicKey ?? '' });
    return reply.code(201).send(describeApp(made));
  });
  oneAppRoutes(app, { auth });
}

function oneAppRoutes(app: Routes, { auth }: Pick<AuthContext, 'auth'>): void {
  const getSchema = {
    summary: 'One app',
    operationId: 'getApp',
    tags,
    params,
    response: { 200: appAnswer, ...errorResponses },
  };
  app.get('/v1/apps/:id', { schema: getSchema }, async ({ principal, params: { id } }) => {
    const found = await auth.apps.find(walletOf(principal), id);
    if (found === null) throw notFound();
    return describeApp(found);
  });

  const updateSchema = {
    summary: 'Change an app',
    operationId: 'updateApp',
    tags,
    params,
    body: z.object({ name: labelSchema.nullish(), public_key: publicKeySchema.nullish() }),
    response: { 200: okAnswer, ...errorResponses },
  };
  app.put(
    '/v1/apps/:id',
    { schema: updateSchema, bodyLimit },
    async ({ principal, params: { id }, body }) => {
      const { name, public_key: publicKey } = body;
      const fields = { ...(name == null ? {} : { name }), ...(publicKey == null ? {} : { publicKey }) };
      if (!(await auth.apps.update(walletOf(principal), id, fields))) throw notFound();
      return { status: 'ok' as const };
    },
  );

  const deleteSchema = {
    summary: 'Delete an app',
    operationId: 'deleteApp',
    tags,
    params,
    response: { 200: okAnswer, ...errorResponses },
  };
  app.delete('/v1/apps/:id', { schema: deleteSchema }, async ({ principal, params: { id } }) => {
    const wallet = walletOf(principal);
    if ((await auth.apps.find(wallet, id)) === null) throw notFound();
    await auth.apps.delete(wallet, id);
    return { status: 'ok' as const };
  });
}

function walletOf(principal: Principal): HeldPrincipal {
  if (principal.kind === 'operator' || principal.kind === 'anonymous') throw missingCredential(principal);
  return principal;
}

function notFound(): GatewayError {
  return new GatewayError('not_found', 'there is no such app of this wallet');
}

function describeApp({ id, name, publicKey, namespace }: App): z.output<typeof appAnswer> {
  return { app_id: id, name, public_key: publicKey, namespace };
}
