import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import swagger from '@fastify/swagger';
import websocket, { type WebsocketPluginOptions } from '@fastify/websocket';
import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import {
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { credentialsOf } from '../auth/identity.ts';
import { errorBody, GatewayError } from '../core/errors.ts';
import {
  CLOSE_TIMEOUT_MS,
  FRAME_MAX_BYTES,
  FRAME_MAX_FRAGMENTS,
  HEADERS_MAX_BYTES,
  HEADERS_TIMEOUT_MS,
  PLAIN_CONNECTIONS_MAX,
  REQUEST_TIMEOUT_MS,
} from '../core/limits.ts';
import { type GatewayMetrics, routeClass } from '../observability/metrics.ts';
import { TrustedProxies } from '../protection/client-address.ts';
import type { Client } from '../protection/client-limits.ts';
import {
  ANY_PAGE_HEADERS,
  checkHost,
  checkOrigin,
  checkSite,
  corsHeaders,
  PREFLIGHT_HEADERS,
  securityHeaders,
} from '../protection/guard.ts';
import { chooseSubprotocol } from '../ws/subprotocols.ts';
import { healthRoutes } from './admin/health.ts';
import { infoRoutes } from './admin/info.ts';
import { addActing } from './core/acting.ts';
import { addAuditHooks } from './core/audit-hooks.ts';
import { BodyDeadlines } from './core/body-deadlines.ts';
import type { Context } from './core/context.ts';
import { addCredentialHooks, isAdmin } from './core/credentials.ts';
import { answerClientError, loggedPath, pathOf, rawResponse, sendError } from './core/error-handler.ts';
import type { GatewayFeature, RoutesContext } from './core/feature.ts';
import { httpServerFactory, sendContinue } from './core/http-server.ts';
import { libraryLogger } from './core/listen.ts';
import { Prober, probeGateway } from './core/probes.ts';
import { refuseUnknownParameters } from './core/query-parameters.ts';
import { describeRoute } from './core/route-description.ts';
import { methodsOf } from './core/route-methods.ts';
import { SSE_PATH, WEBSOCKET_PATH } from './core/stream-paths.ts';
import { isLarge } from './core/value-bodies.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Pages of any site may ask: nothing of who asks is in the answer. */
    isForAnyPage?: boolean;
  }
  interface FastifyRequest {
    /** The client, set before anything else looks at the request. */
    client: Client;
  }
  interface FastifyContextConfig {
    /** It takes large bodies as they come, and says itself when it wants them. */
    takesStream?: boolean;
  }
}

const UNAUTHENTICATED = 401;
const IPFS_PAGE = /^\/ipfs\/[^/]+$/;

/** A compressor would cost each connection 240 kB; the types of `ws` do not know `closeTimeout` yet. */
const WEBSOCKET_OPTIONS: NonNullable<WebsocketPluginOptions['options']> & { readonly closeTimeout: number } =
  {
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: FRAME_MAX_BYTES,
    maxFragments: FRAME_MAX_FRAGMENTS,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: chooseSubprotocol,
  };

export interface AppInit {
  /** Certificate shown to clients; null for plain HTTP. */
  readonly tls: SecureContextOptions | null;
  /** Those that are on. */
  readonly features: readonly GatewayFeature[];
}

/** The HTTP server with all its routes, not listening yet. */
export async function createApp(context: Context, { tls, features }: AppInit): Promise<FastifyInstance> {
  const maxConnections = context.config['gateway.clientsMax'] + PLAIN_CONNECTIONS_MAX;
  const deadlines = new BodyDeadlines({ timeoutMs: REQUEST_TIMEOUT_MS });
  const app = fastify({
    loggerInstance: libraryLogger(context.logger),
    // this library's own lines would show the query, which may hold a credential
    logController: new LogController({ disableRequestLogging: true }),
    // nothing logs through a request: a child logger for each would cost some microseconds
    childLoggerFactory: (parent) => parent,
    trustProxy: false,
    bodyLimit: context.config['gateway.bodyBytes'],
    forceCloseConnections: true,
    return503OnClosing: false,
    serverFactory: httpServerFactory(tls, { maxConnections, deadlines }),
    // whoever sends a longer one is told what is wrong with it, not that there is no such route
    routerOptions: { maxParamLength: HEADERS_MAX_BYTES },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      // no hook sees such a request
      void reply.headers(securityHeaders(request.headers.host, tls !== null));
      void sendError(context.logger, error, request, reply);
    },
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'ignore',
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, request, reply) => sendError(context.logger, error, request, reply));
  acceptOnlyJson(app);
  const routes = collectRoutes(app);
  // first, since its own hooks close the connections whose upgrade the guard refuses
  await registerPlugins(app, context);
  const proxies = new TrustedProxies(context.config['gateway.trustedProxies']);
  boundConnections(app, context, proxies);
  addHooks(app, context, { proxies, isTls: tls !== null });
  addCredentialHooks(app, context);
  refuseUnknownParameters(app);
  addActing(app, context);
  addAuditHooks(app, context);
  answerUnknown(app, routes);
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const prober = new Prober({ ...context, others: () => probeGateway(context) });
  healthRoutes(typed, { ...context, prober, isOperator: ({ principal }) => isAdmin(principal) });
  infoRoutes(typed, context, features);
  for (const feature of features) await addFeature(app, { ...context, deadlines }, feature);
  watchBodies(app, deadlines);
  await app.ready();
  return app;
}

/** Registers its routes in a separate app; they answer with its error codes beside those of all routes. */
async function addFeature(
  app: FastifyInstance,
  context: RoutesContext,
  { load, errors }: GatewayFeature,
): Promise<void> {
  const addRoutes = await load();
  await app.register(async (scope) => {
    if (errors !== undefined) {
      scope.setErrorHandler((error, request, reply) =>
        sendError(context.logger, error, request, reply, errors),
      );
    }
    await addRoutes(scope.withTypeProvider<ZodTypeProvider>(), context);
  });
}

/** The gateway does not request the rest of an unwanted body, and does not wait for bytes that do not come. */
function watchBodies(app: FastifyInstance, deadlines: BodyDeadlines): void {
  const sweep = setInterval(() => deadlines.sweep(), HEADERS_TIMEOUT_MS / 2);
  app.addHook('onClose', async () => clearInterval(sweep));
}

/** Text that is no UTF-8 is refused rather than mended, and so is what JSON.parse would let overwrite prototypes. */
function acceptOnlyJson(app: FastifyInstance): void {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const parse = app.getDefaultJsonParser('error', 'ignore');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const fail = (): void => done(new GatewayError('bad_json', 'the body must be JSON in UTF-8'));
    try {
      void parse(request, utf8.decode(body as Buffer), (error, value) =>
        error ? fail() : done(null, value),
      );
    } catch {
      fail();
    }
  });
}

async function registerPlugins(app: FastifyInstance, context: Context): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Maillon gateway',
        description: 'Topics and values of a Maillon swarm over HTTP, SSE and WebSocket.',
        version: context.build.version,
        license: { name: 'MIT', identifier: 'MIT' },
      },
    },
    transform: describeRoute,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(websocket, {
    options: WEBSOCKET_OPTIONS,
    errorHandler: (error, socket) => {
      // the library has begun to close a connection that broke the protocol; anything else is a fault of ours
      if (socket.readyState !== socket.OPEN) return;
      context.logger.error({ err: error }, 'WebSocket session failed');
      socket.close(1011, 'internal');
    },
  });
  app.websocketServer.on('wsClientError', (error, socket) => {
    // a client that keeps its side open would keep the socket
    socket.end(rawResponse(errorBody(new GatewayError('bad_handshake', error.message))), () =>
      socket.destroy(),
    );
  });
}

/** One address leaves room for the others. */
function boundConnections(
  app: FastifyInstance,
  { rates }: Pick<Context, 'rates'>,
  proxies: TrustedProxies,
): void {
  app.server.on('connection', (socket: Socket) => {
    const { address, isProxy } = proxies.lookAt(socket.remoteAddress);
    if (isProxy) return;
    const leave = rates.takeConnection(address);
    if (leave === null) socket.destroy();
    else socket.once('close', leave);
  });
}

function addHooks(
  app: FastifyInstance,
  context: Context,
  { proxies, isTls }: { readonly proxies: TrustedProxies; readonly isTls: boolean },
): void {
  const guard = {
    allowedHosts: context.config['gateway.allowedHosts'],
    allowedOrigins: context.config['gateway.allowedOrigins'],
  };
  // null until the first hook: an object here would be one for all requests
  app.decorateRequest('client', null as unknown as Client);
  // not async: what waits for nothing need not put off whatever comes after it
  app.addHook('onRequest', (request, reply, done) => {
    const { host, origin } = request.headers;
    request.client = { ...proxies.clientOf(request.socket.remoteAddress, request.headers), charged: [] };
    void reply.headers(securityHeaders(host, isTls));
    checkHost(host, guard);
    if (isForAnyPage(request)) void reply.headers(ANY_PAGE_HEADERS);
    else {
      checkOrigin(origin, guard);
      checkSite(request.method, request.headers);
      void reply.headers(corsHeaders(origin));
    }
    context.rates.takeAddress('requests', request.client);
    const opensStream = request.ws || request.routeOptions.url === SSE_PATH;
    if (opensStream) {
      context.rates.takeAddress('handshakes', request.client);
      holdPlace(request, reply, context.rates.takeStream(request.client));
    }
    if (context.stopping.aborted) throw new GatewayError('going_away', 'the gateway is stopping');
    done();
  });
  app.addHook('preParsing', ({ raw, routeOptions }, reply, payload, done) => {
    if (routeOptions.config.takesStream !== true || !isLarge(raw)) sendContinue(raw, reply.raw);
    done(null, payload);
  });
  app.addHook('preValidation', (request, _reply, done) => {
    context.rates.takeCredential(request.client);
    // the plugin would upgrade any route and hang up then
    if (request.ws && !request.is404 && request.routeOptions.url !== WEBSOCKET_PATH) {
      throw new GatewayError('bad_handshake', `only ${WEBSOCKET_PATH} speaks WebSocket`);
    }
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const status = reply.statusCode;
    if (status === UNAUTHENTICATED) countFailure(context.metrics, request);
    const route = routeClass(request.is404 ? undefined : request.routeOptions.url);
    context.onAnswered?.({ route, method, status, ms: reply.elapsedTime });
    if (context.logger.isLevelEnabled('debug')) {
      const ms = Math.round(reply.elapsedTime * 10) / 10;
      context.logger.debug({ method, path: loggedPath(request.url), status, ms }, 'request');
    }
    done();
  });
}

/** Also of a page that asks whether it may ask: there is no route for that. */
function isForAnyPage({ method, routeOptions, is404, url }: FastifyRequest): boolean {
  if (routeOptions.config?.isForAnyPage === true) return true;
  return is404 && method === 'OPTIONS' && IPFS_PAGE.test(pathOf(url));
}

/**
 * A stream holds its slot until its connection ends; a request that turns out not to be a stream, until it is answered.
 */
function holdPlace({ ws, raw: { socket } }: FastifyRequest, { raw }: FastifyReply, leave: () => void): void {
  // of a WebSocket the connection must not lead back to its request, which would never be freed
  if (ws) socket.once('close', leave);
  else raw.once('close', leave);
}

function countFailure({ authFailures }: GatewayMetrics, { routeOptions, headers }: FastifyRequest): void {
  const hasCredential = credentialsOf(headers).length > 0;
  const isSignIn = routeOptions.config.isOpen === true;
  const failure = isSignIn ? 'sign-in' : hasCredential ? 'credential' : 'missing';
  authFailures.set(failure, (authFailures.get(failure) ?? 0) + 1);
}

/** Which methods each path has. */
function collectRoutes(app: FastifyInstance): ReadonlyMap<string, ReadonlySet<string>> {
  const routes = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = routes.get(url) ?? new Set();
    routes.set(url, methods);
    for (const one of [method].flat()) methods.add(one);
  });
  return routes;
}

function answerUnknown(app: FastifyInstance, routes: ReadonlyMap<string, ReadonlySet<string>>): void {
  app.setNotFoundHandler(async (request: FastifyRequest, reply) => {
    const methods = methodsOf(routes, pathOf(request.url));
    if (methods === undefined) throw new GatewayError('not_found', 'no such route; see /openapi.json');
    const allow = [...methods, 'OPTIONS'].join(', ');
    void reply.header('allow', allow);
    if (request.method !== 'OPTIONS') {
      throw new GatewayError('method_not_allowed', `this route has ${allow}`, { allow: [...methods] });
    }
    void reply.headers({ ...PREFLIGHT_HEADERS, 'access-control-allow-methods': allow });
    return reply.code(204).send();
  });
}
