import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { utf8Length } from '../../../protocols/common/bytes.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { standingOf } from '../../auth/credential-status.ts';
import type { Principal } from '../../auth/identity.ts';
import { ERRORS, GatewayError } from '../../core/errors.ts';
import { MEMBER_ID_MAX_LENGTH, MEMBER_META_MAX_BYTES } from '../../core/limits.ts';
import { topicName } from '../../core/names.ts';
import { errorResponses, ticketQuery, topicQuery, topicSchema } from '../../core/schemas.ts';
import type { Home } from '../../ws/dialect.ts';
import { Session } from '../../ws/session.ts';
import { chooseDialect, negotiate, SUBPROTOCOLS } from '../../ws/subprotocols.ts';
import { type Context } from '../core/context.ts';
import { ownPlace } from '../core/credentials.ts';
import { checkReading, isByPolicy, type ReadingContext } from '../core/reading.ts';
import type { Routes } from '../core/routes.ts';
import { WEBSOCKET_PATH } from '../core/stream-paths.ts';

const credential = z
  .string()
  .optional()
  .describe('of DeBros clients, which get their JSON frames; taken with the setting compat.debros only');

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
  summary: 'Topics over WebSocket: messages out, publishing in',
  operationId: 'websocket',
  tags: ['pubsub'],
  description: `Subprotocols: ${SUBPROTOCOLS.join(', ')}; without one, raw payloads in binary frames.`,
  querystring: topicQuery.extend({
    topic: topicSchema
      .optional()
      .describe('may be missing with a native subprotocol: subscribe by frames then'),
    frames: z.enum(['json', 'raw']).optional().describe('frames of a connection without subprotocol'),
    presence: z.enum(['true', 'false']).optional().describe('true takes a credential that may write'),
    member_id: z.string().min(1).max(MEMBER_ID_MAX_LENGTH).optional(),
    member_meta: metaSchema.optional(),
    api_key: credential,
    token: credential,
    ticket: ticketQuery,
  }),
  response: { 101: z.null().describe('Switching to WebSocket'), ...errorResponses },
};

/**
 * Cuts what leads from an upgraded connection back to its request: headers, buffers and objects of the libraries,
 * 6 kB a connection for as long as it lasts.
 */
function forget(socket: WebSocket, raw: Socket, response: ServerResponse | undefined): void {
  response?.detachSocket(raw);
  // the plugin's, which holds request and reply; what the library reports here it has begun to close already
  socket.removeAllListeners('error');
  socket.on('error', () => undefined);
}

type WsContext = ReadingContext &
  Pick<
    Context,
    'hub' | 'turn' | 'clients' | 'config' | 'logger' | 'presence' | 'metrics' | 'events' | 'rates'
  >;

/** Throws for whoever may not be present in the namespace: its id and what it says of itself go to everybody there, as a message would. */
function checkMember(principal: Principal, namespace: string | undefined): void {
  if (principal.kind === 'operator') return;
  const place = ownPlace(principal);
  if (place === undefined || namespace !== place) {
    throw new GatewayError('namespace_mismatch', 'presence is for members of the namespace');
  }
  if ('scopes' in principal && principal.scopes.includes('write')) return;
  throw new GatewayError('forbidden', 'to be present takes the scope write');
}

function homeOf(context: ReadingContext, principal: Principal, home: Home): Home {
  const own = 'place' in principal ? { shown: principal.namespace, place: principal.place } : undefined;
  return {
    ...home,
    own,
    checkReading: (reading) => checkReading(context, principal, reading),
    isByPolicy: (namespace) => isByPolicy(principal, namespace),
  };
}

export function websocketRoutes(app: Routes, context: WsContext): void {
  const { hub, turn, clients, config, logger, presence, metrics, events, rates } = context;
  const responses = new WeakMap<IncomingMessage, ServerResponse>();
  app.route({
    method: 'GET',
    url: WEBSOCKET_PATH,
    exposeHeadRoute: false,
    schema: wsSchema,
    config: { needs: 'read', readsNamespace: 'topic' },
    preHandler: async ({ query, headers, ws, raw, principal }, reply) => {
      responses.set(raw, reply.raw);
      const dialect = chooseDialect(negotiate(headers['sec-websocket-protocol']), query);
      const isPresent = query.presence === 'true';
      if (query.topic === undefined && (isPresent || (ws && dialect.needsTopic))) {
        throw new GatewayError('bad_topic', "missing 'topic'");
      }
      if (!isPresent || query.topic === undefined) return;
      if (query.member_id === undefined)
        throw new GatewayError('bad_member', "missing 'member_id' for presence");
      checkMember(principal, query.namespace);
      presence.checkRoom(topicName({ ...query, topic: query.topic }));
    },
    handler: async (_request, reply) => {
      void reply.header('upgrade', 'websocket');
      throw new GatewayError('upgrade_required', ERRORS.upgrade_required.meaning);
    },
    wsHandler: (socket, request) => {
      const { query } = request;
      const { socket: rawSocket } = request.raw;
      forget(socket, rawSocket, responses.get(request.raw));
      if (clients.isFull) {
        // after the upgrade, since a browser shows its page a close code but no status
        socket.close(1013, ERRORS.too_many_clients.meaning);
        return;
      }
      const { topic } = query;
      const member = { id: query.member_id ?? '', meta: query.member_meta ?? {} };
      const name = topicName({ ...query, topic: topic ?? '' });
      const session = new Session(
        {
          socket,
          raw: rawSocket,
          relay: request.acting.relay,
          hub,
          turn,
          clients,
          metrics,
          logger,
          events,
        },
        {
          home: homeOf(context, request.principal, { ...name, topic }),
          dialect: chooseDialect(socket.protocol, query),
          standing: standingOf(request.principal),
          queueMaxBytes: config['gateway.clientQueueBytes'],
          slowMs: config['gateway.slowClientMs'],
          topicsMax: config['gateway.topicsPerClient'],
          meterFrame: rates.frameMeter(request.client),
          joinPresence: query.presence === 'true' ? (send) => presence.join(name, member, send) : undefined,
        },
      );
      session.open();
    },
  });
}
