import { z } from 'zod';
import { utf8Length } from '../../protocols/common/bytes.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { type Context, topicName } from '../context.ts';
import { ERRORS, GatewayError } from '../errors.ts';
import { MEMBER_ID_MAX_LENGTH, MEMBER_META_MAX_BYTES } from '../limits.ts';
import { errorResponses, topicQuery } from '../schemas.ts';
import { Session } from '../ws/session.ts';
import { chooseDialect, SUBPROTOCOLS } from '../ws/subprotocols.ts';
import type { Routes } from './routes.ts';

export const WEBSOCKET_PATH = '/v1/pubsub/ws';

const credential = z
  .string()
  .optional()
  .describe('for DeBros clients: chooses their JSON frames, else ignored');

const metaSchema = z
  .string()
  .refine((text) => utf8Length(text) <= MEMBER_META_MAX_BYTES, `at most ${MEMBER_META_MAX_BYTES} bytes`)
  .transform((text, context): Record<string, unknown> => {
    try {
      return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
    } catch (error) {
      context.addIssue({
        code: 'custom',
        message: `must be a JSON object: ${errorMessage(error).slice(0, 64)}`,
      });
      return z.NEVER;
    }
  });

const wsSchema = {
  summary: 'A topic over WebSocket: messages out, publishing in',
  operationId: 'websocket',
  tags: ['pubsub'],
  description: `Subprotocols: ${SUBPROTOCOLS.join(', ')}; without one, raw payloads in binary frames.`,
  querystring: topicQuery.extend({
    frames: z.enum(['json', 'raw']).optional().describe('frames of a connection without subprotocol'),
    presence: z.enum(['true', 'false']).optional(),
    member_id: z.string().min(1).max(MEMBER_ID_MAX_LENGTH).optional(),
    member_meta: metaSchema.optional(),
    api_key: credential,
    token: credential,
  }),
  response: { 101: z.null().describe('Switching to WebSocket'), ...errorResponses },
};

type WsContext = Pick<Context, 'node' | 'hub' | 'clients' | 'config' | 'logger' | 'presence'>;

export function pubsubWsRoutes(app: Routes, context: WsContext): void {
  const { node, hub, clients, config, logger, presence } = context;
  app.route({
    method: 'GET',
    url: WEBSOCKET_PATH,
    exposeHeadRoute: false,
    schema: wsSchema,
    preHandler: async ({ query }) => {
      if (query.presence !== 'true') return;
      if (query.member_id === undefined)
        throw new GatewayError('bad_member', "missing 'member_id' for presence");
      presence.checkRoom(topicName(query));
    },
    handler: async (_request, reply) => {
      void reply.header('upgrade', 'websocket');
      throw new GatewayError('upgrade_required', ERRORS.upgrade_required.meaning);
    },
    wsHandler: (socket, request) => {
      const { query } = request;
      if (clients.isFull) {
        // after the upgrade, since a browser shows its page a close code but no status
        socket.close(1013, ERRORS.too_many_clients.meaning);
        return;
      }
      const topic = topicName(query);
      const member = { id: query.member_id ?? '', meta: query.member_meta ?? {} };
      const session = new Session(
        { socket, raw: request.raw.socket, node, hub, clients, logger },
        {
          topic,
          dialect: chooseDialect(socket.protocol, query),
          queueMaxBytes: config['gateway.clientQueueBytes'],
          joinPresence: query.presence === 'true' ? (send) => presence.join(topic, member, send) : undefined,
        },
      );
      session.open();
    },
  });
}
