import { isAbsolute } from 'node:path';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { GatewayError } from '../core/errors.ts';
import type { Routes } from '../http/core/routes.ts';

export interface LoadedFeature {
  readonly name: string;
  /** Absolute path of its module. */
  readonly path: string;
  /** Whether the gateway has routes of it. */
  readonly hasRoutes: boolean;
}

/** Features of third parties. They are trusted code. */
export interface ThirdParty {
  list(): readonly LoadedFeature[];
  /** Rejects with `bad_feature`, `feature_exists`, `feature_off`, `bad_config`, `not_running`. */
  load(path: string, settings: Readonly<Record<string, unknown>>): Promise<void>;
  /** Rejects with `feature_not_loaded`, `feature_needed`, `not_running`. */
  unload(name: string): Promise<void>;
}

const loadBody = z.strictObject({
  path: z.string().min(1).max(4096),
  settings: z.record(z.string(), z.unknown()).optional(),
});
const unloadBody = z.strictObject({ name: z.string().min(1).max(64) });

/**
 * Loads and unloads features while the node runs. A feature runs with all rights of the node, so an API key does not do: only a user
 * who can read the token in the data directory could change the node's code anyway.
 */
export function featuresRoutes(app: Routes, { thirdParty }: { readonly thirdParty: ThirdParty }): void {
  app.get('/v1/features', async () => ({ features: thirdParty.list() }));
  app.post(
    '/v1/features/load',
    { onRequest: withToken, schema: { body: loadBody } },
    async ({ body }, reply) => {
      if (!isAbsolute(body.path)) throw new GatewayError('bad_request', 'path must be absolute');
      await thirdParty.load(body.path, body.settings ?? {});
      return reply.code(201).send({ features: thirdParty.list() });
    },
  );
  app.post(
    '/v1/features/unload',
    { onRequest: withToken, schema: { body: unloadBody } },
    async ({ body }) => {
      await thirdParty.unload(body.name);
      return { features: thirdParty.list() };
    },
  );
}

async function withToken({ principal }: FastifyRequest): Promise<void> {
  if (principal.kind === 'operator') return;
  throw new GatewayError('forbidden', 'features take the token of the admin listener, not an API key');
}
