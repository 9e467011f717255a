import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { PublishRequest, Receipt } from '../../../node/index.ts';
import { IDEMPOTENCY_KEY_MAX_LENGTH } from '../../core/limits.ts';
import { oneNamespace, topicName } from '../../core/names.ts';
import {
  base64Schema,
  DEFAULT_NAMESPACE,
  errorResponses,
  namespaceSchema,
  receiptSchema,
  timeSchema,
  toPublished,
  topicQuery,
  topicSchema,
} from '../../core/schemas.ts';
import { type Context } from '../core/context.ts';
import { ownPlace } from '../core/credentials.ts';
import type { Routes } from '../core/routes.ts';

const publishBody = z
  .strictObject({
    topic: topicSchema,
    data_base64: base64Schema,
    namespace: namespaceSchema.optional(),
    expiry: timeSchema.optional().describe('after this no node accepts the message'),
  })
  .meta({ id: 'Publish' });

const publishSchema = {
  summary: 'Publish a message to a topic',
  operationId: 'publish',
  tags: ['pubsub'],
  querystring: z.object({ namespace: namespaceSchema.optional() }),
  headers: z.object({
    'idempotency-key': z
      .string()
      .optional()
      .describe(
        `makes a retry safe for 10 minutes: 1 to ${IDEMPOTENCY_KEY_MAX_LENGTH} visible ASCII characters`,
      ),
  }),
  body: publishBody,
  response: {
    200: z.object({ status: z.literal('ok'), ...receiptSchema.shape }).meta({ id: 'Published' }),
    ...errorResponses,
  },
};

const topicsSchema = {
  summary: 'Topics of a namespace that are in use here',
  operationId: 'topics',
  tags: ['pubsub'],
  querystring: z.object({ namespace: namespaceSchema.optional() }),
  response: { 200: z.object({ topics: z.array(z.string()) }), ...errorResponses },
};

const presenceSchema = {
  summary: 'Members of a topic among the clients of this gateway',
  operationId: 'presence',
  tags: ['pubsub'],
  querystring: topicQuery,
  response: {
    200: z.object({
      topic: z.string(),
      members: z.array(
        z.object({
          member_id: z.string(),
          joined_at: z.int().describe('seconds since the Unix epoch'),
          meta: z.record(z.string(), z.unknown()),
        }),
      ),
      count: z.int(),
    }),
    ...errorResponses,
  },
};

type PublishContext = Pick<Context, 'relay' | 'idempotency' | 'presence' | 'metrics'>;

export function publishRoutes(app: Routes, context: PublishContext): void {
  const { relay, idempotency, presence, metrics } = context;
  app.post(
    '/v1/pubsub/publish',
    { schema: publishSchema },
    async ({ body, query, headers, principal, acting }) => {
      const name = topicName({ topic: body.topic, namespace: oneNamespace(query.namespace, body.namespace) });
      const expiry = body.expiry === undefined ? {} : { expiry: body.expiry };
      const request = { ...name, data: body.data_base64, ...expiry };
      const key = headers['idempotency-key'];
      const publish = async (): Promise<Receipt> => {
        metrics.messagesIn += 1;
        try {
          return await acting.relay.publish(request);
        } catch (error) {
          metrics.publishFailures += 1;
          throw error;
        }
      };
      const receipt =
        key === undefined
          ? await publish()
          : await idempotency.once(key, fingerprint(request), publish, ownPlace(principal));
      return toPublished(receipt);
    },
  );

  const all = { readsNamespace: 'values' as const };
  app.get('/v1/pubsub/topics', { config: all, schema: topicsSchema }, async ({ query }) => ({
    topics: relay.topics(query.namespace ?? DEFAULT_NAMESPACE, ''),
  }));

  const config = { readsNamespace: 'topic' as const };
  app.get('/v1/pubsub/presence', { config, schema: presenceSchema }, async ({ query }) => {
    const members = presence.members(topicName(query));
    return { topic: query.topic, members: members.map((member) => ({ ...member })), count: members.length };
  });
}

/** The same for the same request only. */
function fingerprint({ owner, namespace, topic, expiry, data }: PublishRequest): string {
  const head = JSON.stringify([owner, namespace, topic, expiry ?? null]);
  return createHash('sha256').update(head).update('\n').update(data).digest('base64');
}
