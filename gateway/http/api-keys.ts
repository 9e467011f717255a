/** API keys beside the one of the sign-in: made, listed and revoked by the wallet itself, that is with a session. */

import { z } from 'zod';
import { type ApiKey, SCOPES } from '../auth/api-keys.ts';
import type { HeldPrincipal, Principal } from '../auth/identity.ts';
import { GatewayError } from '../errors.ts';
import { errorResponses } from '../schemas.ts';
import type { AuthContext } from './auth.ts';
import { labelSchema } from './auth-schemas.ts';
import type { Routes } from './routes.ts';

const tags = ['auth'];
const scopesSchema = z.array(z.enum(SCOPES)).min(1).max(SCOPES.length);
const keySchema = z
  .object({
    id: z.string(),
    name: z.string().describe('empty for the key of the sign-in'),
    namespace: z.string(),
    scopes: scopesSchema,
    created_at: z.int().describe('milliseconds since the Unix epoch'),
  })
  .meta({ id: 'ApiKey' });

export function apiKeyRoutes(app: Routes, { auth }: Pick<AuthContext, 'auth'>): void {
  const config = { needs: 'account' as const };
  const listSchema = {
    summary: 'API keys of the wallet in its namespace, never the keys themselves',
    operationId: 'listApiKeys',
    tags,
    response: { 200: z.object({ keys: z.array(keySchema), count: z.int() }), ...errorResponses },
  };
  app.get('/v1/auth/api-keys', { config, schema: listSchema }, async ({ principal }) => {
    const keys = await auth.apiKeys.list(walletOf(principal));
    return { keys: keys.map(describeKey), count: keys.length };
  });

  const createSchema = {
    summary: 'Make an API key: it is shown once',
    operationId: 'createApiKey',
    tags,
    body: z.strictObject({ name: labelSchema, scopes: scopesSchema.optional() }),
    response: { 201: keySchema.extend({ api_key: z.string() }).meta({ id: 'NewApiKey' }), ...errorResponses },
  };
  app.post('/v1/auth/api-keys', { config, schema: createSchema }, async ({ principal, body }, reply) => {
    const { name, scopes = SCOPES } = body;
    const { text, key } = await auth.apiKeys.create(walletOf(principal), { name, scopes });
    return reply.code(201).send({ ...describeKey(key), api_key: text });
  });

  const revokeSchema = {
    summary: 'Revoke an API key',
    operationId: 'revokeApiKey',
    tags,
    params: z.object({ id: z.string() }),
    response: { 200: z.object({ status: z.literal('ok') }), ...errorResponses },
  };
  app.delete('/v1/auth/api-keys/:id', { config, schema: revokeSchema }, async ({ principal, params }) => {
    const wallet = walletOf(principal);
    if (!(await auth.apiKeys.revoke(wallet, params.id))) {
      throw new GatewayError('not_found', 'there is no such API key of this wallet');
    }
    auth.authenticator.forget(wallet.did);
    return { status: 'ok' as const };
  });
}

/** A key that leaked must not make others. */
function walletOf(principal: Principal): HeldPrincipal {
  if (principal.kind === 'operator') throw new GatewayError('unauthenticated', 'sign in with a wallet first');
  if (principal.custody !== 'gateway') {
    const advice = "sign in with a nonce for that, or delegate to the program's own key";
    throw new GatewayError(
      'forbidden',
      `a delegation is for its session, which makes no API keys: ${advice}`,
    );
  }
  if (principal.kind === 'session' && principal.isOfWallet) return principal;
  throw new GatewayError('forbidden', 'an API key cannot manage API keys: sign in with the wallet');
}

function describeKey({ id, name, namespace, scopes, createdAt }: ApiKey): z.output<typeof keySchema> {
  return { id, name, namespace, scopes: [...scopes], created_at: createdAt };
}
