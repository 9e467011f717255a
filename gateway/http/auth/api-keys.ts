/**
 * API keys beside the one of the sign-in: made, listed and revoked by the wallet itself, that is with a session, and those of the operator
 * by the operator.
 */

import { z } from 'zod';
import type { ApiKeyRing } from '../../auth/api-key-ring.ts';
import { type ApiKey, OPERATOR_SCOPES, SCOPES } from '../../auth/api-keys.ts';
import type { Principal } from '../../auth/identity.ts';
import { GatewayError } from '../../core/errors.ts';
import { DEFAULT_NAMESPACE, errorResponses } from '../../core/schemas.ts';
import { missingCredential } from '../core/reading.ts';
import type { Routes } from '../core/routes.ts';
import type { AuthContext } from './context.ts';
import { labelSchema, plainNamespace } from './schemas.ts';

const tags = ['auth'];
const scopesSchema = z.array(z.enum(OPERATOR_SCOPES)).min(1).max(OPERATOR_SCOPES.length);
const keySchema = z
  .object({
    id: z.string(),
    name: z.string().describe('empty for the key of the sign-in'),
    namespace: z.string(),
    scopes: scopesSchema,
    created_at: z.int().describe('milliseconds since the Unix epoch'),
  })
  .meta({ id: 'ApiKey' });
const newKeyBody = z.strictObject({
  name: labelSchema,
  scopes: scopesSchema
    .optional()
    .describe('read and write unless said; admin, which changes the node, only in keys of the operator'),
  namespace: plainNamespace.describe("of the operator's; a wallet's keys are for that of its session"),
});

/** `keysOf`: those of whoever asks. Throws where they have none. */
export function apiKeyRoutes(app: Routes, keysOf: (principal: Principal) => ApiKeyRing): void {
  const config = { needs: 'account' as const };
  const listSchema = {
    summary: 'API keys of the wallet in its namespace, or of the operator, never the keys themselves',
    operationId: 'listApiKeys',
    tags,
    response: { 200: z.object({ keys: z.array(keySchema), count: z.int() }), ...errorResponses },
  };
  app.get('/v1/auth/api-keys', { config, schema: listSchema }, async ({ principal }) => {
    const keys = await keysOf(principal).list();
    return { keys: keys.map(describeKey), count: keys.length };
  });

  const createSchema = {
    summary: 'Make an API key: it is shown once',
    operationId: 'createApiKey',
    tags,
    body: newKeyBody,
    response: { 201: keySchema.extend({ api_key: z.string() }).meta({ id: 'NewApiKey' }), ...errorResponses },
  };
  app.post('/v1/auth/api-keys', { config, schema: createSchema }, async (request, reply) => {
    const { name, scopes = SCOPES, namespace } = request.body;
    request.audited = { scopes: scopes.join(' ') };
    const { text, key } = await keysOf(request.principal).create({
      name,
      scopes,
      namespace: namespace ?? DEFAULT_NAMESPACE,
    });
    request.audited = { key: key.id, namespace: key.namespace, scopes: key.scopes.join(' ') };
    return reply.code(201).send({ ...describeKey(key), api_key: text });
  });

  const revokeSchema = {
    summary: 'Revoke an API key',
    operationId: 'revokeApiKey',
    tags,
    params: z.object({ id: z.string() }),
    response: { 200: z.object({ status: z.literal('ok') }), ...errorResponses },
  };
  app.delete('/v1/auth/api-keys/:id', { config, schema: revokeSchema }, async (request, reply) => {
    const { id } = request.params;
    // a malformed id may be anything, even a key itself
    if (!(await keysOf(request.principal).revoke(id))) {
      throw new GatewayError('not_found', 'there is no such API key of yours');
    }
    request.audited = { key: id };
    return reply.send({ status: 'ok' });
  });
}

/** Keys of whoever asks at the gateway. A key that leaked must not make others. */
export function keyRings({ auth }: Pick<AuthContext, 'auth'>): (principal: Principal) => ApiKeyRing {
  return (principal) => {
    if (principal.kind === 'operator') return auth.operatorKeys();
    if (principal.kind === 'anonymous') throw missingCredential(principal);
    if (principal.delegation !== null) {
      const advice = "sign in with a nonce for that, or delegate to the program's own key";
      throw new GatewayError(
        'forbidden',
        `a delegation is for its session, which makes no API keys: ${advice}`,
      );
    }
    if (principal.kind === 'session' && principal.isOfWallet) return auth.keysOf(principal);
    throw new GatewayError('forbidden', 'an API key cannot manage API keys: sign in with the wallet');
  };
}

function describeKey({ id, name, namespace, scopes, createdAt }: ApiKey): z.output<typeof keySchema> {
  return { id, name, namespace, scopes: [...scopes], created_at: createdAt };
}
