import { z } from 'zod';
import { KAD_PROTOCOL } from '../../../protocols/common/ids.ts';
import { NAMESPACES_PROTOCOL } from '../../../protocols/namespaces/constants.ts';
import { NODES_PROTOCOL } from '../../../protocols/nodes/constants.ts';
import { gossipTopics } from '../../../protocols/relay/shards.ts';
import { STORAGE_PROTOCOL } from '../../../protocols/storage/constants.ts';
import { AUTH_LIMITS } from '../../auth/limits.ts';
import { CLOSE_CODES, ERRORS, type ErrorTable } from '../../core/errors.ts';
import { GATEWAY_LIMITS } from '../../core/limits.ts';
import { errorResponses } from '../../core/schemas.ts';
import { SUBPROTOCOLS } from '../../ws/subprotocols.ts';
import type { Context } from '../core/context.ts';
import type { GatewayFeature } from '../core/feature.ts';
import type { Routes } from '../core/routes.ts';

const PRODUCT = 'maillon';
/** libp2p protocols and gossip topics its node speaks. */
const PROTOCOLS = [...gossipTopics(), KAD_PROTOCOL, NAMESPACES_PROTOCOL, NODES_PROTOCOL, STORAGE_PROTOCOL];

function errorRows(features: readonly GatewayFeature[]) {
  const tables: readonly ErrorTable[] = [
    ERRORS,
    ...features.flatMap(({ errors }) => (errors === undefined ? [] : [errors])),
  ];
  return tables.flatMap((table) =>
    Object.entries(table).map(([code, kind]) => Object.assign({ code }, kind)),
  );
}

const CLOSE_CODE_ROWS = Object.entries(CLOSE_CODES).map(([code, meaning]) => ({
  code: Number(code),
  meaning,
}));

const infoSchema = z
  .object({
    product: z.string(),
    version: z.string(),
    commit: z.string(),
    peerId: z.string(),
    author: z.string().describe('did:key under which this gateway signs what its clients publish'),
    role: z.enum(['full', 'light']),
    swarm: z.string(),
    addresses: z.array(z.string()),
    protocols: z.array(z.string()),
    features: z.array(z.string()),
    subprotocols: z.array(z.string()),
    limits: z.array(
      z
        .object({ name: z.string(), value: z.number(), unit: z.string(), reason: z.string() })
        .meta({ id: 'Limit' }),
    ),
    errors: z.array(
      z.object({
        code: z.string(),
        status: z.int().nullable().describe('HTTP status; null for a code that only streams carry'),
        meaning: z.string(),
        retryAfter: z.number().optional(),
      }),
    ),
    closeCodes: z.array(z.object({ code: z.int(), meaning: z.string() })),
  })
  .meta({ id: 'Info' });

const infoRoute = {
  summary: 'What this gateway is, can do and allows',
  tags: ['info'],
  response: { 200: infoSchema, ...errorResponses },
};
const rootRoute = {
  summary: 'Where to look',
  tags: ['info'],
  response: {
    200: z.object({ product: z.string(), what: z.string(), links: z.record(z.string(), z.string()) }),
    ...errorResponses,
  },
};
const openapiRoute = {
  summary: 'This document',
  tags: ['info'],
  response: { 200: z.record(z.string(), z.unknown()), ...errorResponses },
};

export function infoRoutes(
  app: Routes,
  { node, build }: Pick<Context, 'node' | 'build'>,
  features: readonly GatewayFeature[],
): void {
  const errors = errorRows(features);
  const offers = features.flatMap((feature) => feature.offers ?? []);
  const limits = features.flatMap((feature) => feature.limits ?? []);

  app.get('/', { schema: rootRoute }, async () => ({
    product: PRODUCT,
    what: 'A gateway to a Maillon swarm: topics and values over HTTP, SSE and WebSocket.',
    links: { info: '/v1/info', openapi: '/openapi.json', ready: '/readyz' },
  }));

  app.get('/v1/info', { schema: infoRoute }, async () => {
    const { peerId, author, role, swarm, addresses } = node.status();
    return {
      product: PRODUCT,
      version: build.version,
      commit: build.commit,
      peerId,
      author,
      role,
      swarm,
      addresses: [...addresses],
      protocols: PROTOCOLS,
      features: offers,
      subprotocols: [...SUBPROTOCOLS],
      limits: [...node.limits(), ...GATEWAY_LIMITS, ...AUTH_LIMITS, ...limits],
      errors,
      closeCodes: CLOSE_CODE_ROWS,
    };
  });

  app.get('/openapi.json', { schema: openapiRoute }, async () => ({ ...app.swagger() }));
}
